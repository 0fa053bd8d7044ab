"""What a data set's lists ask for: every tile and panorama of the chosen cities, one city at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.data import layouts
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.data.layouts.folders import image_folders, label_folders
from cvgl_bench.data.layouts.labels import read_labels
from cvgl_bench.data.layouts.names import coordinates
from cvgl_bench.data_tools.fetch.download import target_path
from cvgl_bench.data_tools.fetch.provider import Provider, Wanted
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.method import View
from cvgl_bench.views.images import Size

PANORAMA_SIZE: Size = (1024, 2048)
BYTES_PER_PX = {".png": 1.5, ".jpg": 0.35, ".jpeg": 0.35, ".webp": 0.3}
"""Measured on aerial imagery at 0.1-0.6 m per pixel and on street panoramas."""


def wanted_files(
    dataset: Dataset, root: Path, *, view: View, cities: Sequence[str], label_edition: str | None = None
) -> Iterator[Wanted]:
    """Yield the files of a view that the lists under `root` name, city by city.

    Only one city's lists are in memory at a time. Raises DataError where the lists are missing or
    damaged, UsageError for a data set whose layout has no coordinates in its names.
    """
    if dataset.layout not in CONVENTIONS:
        raise UsageError(f"{dataset.name} cannot be fetched: its file names hold no coordinates.")
    listed = _references if view == "reference" else _queries
    for city in cities:
        yield from listed(dataset, root, city, label_edition)


def _references(dataset: Dataset, root: Path, city: str, label_edition: str | None) -> Iterator[Wanted]:
    # The city alone, as a split of its own, has all its tiles, with their centres.
    alone = dataclasses.replace(dataset, splits={"same": {"train": (city,), "test": (city,)}})
    table = layouts.read_task(alone, "same", root, label_edition=label_edition).test.references
    # Row by row, so that neighbours find the source tiles that they share.
    table = table.sort_values(["lat", "lon"], ascending=[False, True])
    columns = ("path", "lat", "lon", "height_px", "width_px")
    for path, lat, lon, height, width in zip(*(table[name] for name in columns), strict=True):
        yield Wanted(path, lat, lon, (int(height), int(width)))


def _queries(dataset: Dataset, root: Path, city: str, label_edition: str | None) -> Iterator[Wanted]:
    folder, _ = label_folders(dataset, root, (city,), same_area=True, edition=label_edition)
    kinds = [("train", True), ("test", True), ("train", False)]
    files = {file for part, same in kinds for file in folder.label_files(city, part, same_area=same)}
    pattern = CONVENTIONS[dataset.layout].query_name
    place, _ = image_folders(root, city)
    size = tuple(dataset.panorama.get("size_px") or PANORAMA_SIZE)
    seen: set[str] = set()
    for file in sorted(files):
        names = read_labels(file).queries
        lats, lons = coordinates(names, pattern, where=str(file))
        for name, lat, lon in zip(names.to_pylist(), lats, lons, strict=True):
            if name not in seen:
                seen.add(name)
                yield Wanted(f"{place}/{name}", lat, lon, size)


@dataclass
class DownloadEstimate:
    """What a download would take; bytes from the files that are there, else from experience."""

    listed: int = 0
    present: int = 0
    requests: int = 0
    missing_bytes: float = 0.0

    @property
    def missing(self) -> int:
        return self.listed - self.present


def estimate(jobs: Iterable[tuple[Provider, Wanted]], root: Path) -> dict[View, DownloadEstimate]:
    """Return, by view, how many files are listed and missing, and what fetching them would take."""
    found: dict[View, DownloadEstimate] = {}
    for provider, wanted in jobs:
        entry = found.setdefault(provider.view, DownloadEstimate())
        entry.listed += 1
        target = target_path(root, wanted.path)
        if target.exists():
            entry.present += 1
        else:
            entry.requests += provider.requests(wanted)
            height, width = wanted.size_px
            entry.missing_bytes += height * width * BYTES_PER_PX.get(target.suffix.lower(), 1.0)
    return found


def jobs_of(
    dataset: Dataset,
    root: Path,
    *,
    providers: Mapping[View, Provider],
    cities: Sequence[str],
    label_edition: str | None = None,
) -> Iterator[tuple[Provider, Wanted]]:
    """Yield every file of the views that have a provider."""
    for view, provider in providers.items():
        for wanted in wanted_files(dataset, root, view=view, cities=cities, label_edition=label_edition):
            yield provider, wanted
