"""What the lists of a tiled data set ask for: tiles and panoramas with the coordinates in their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import tiled
from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.folders import image_folders, label_folders
from cvgl_bench.data.layouts.labels import read_labels
from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data.layouts.names import coordinates
from cvgl_bench.method import View
from cvgl_bench.views.images import Size

PANORAMA_SIZE: Size = (1024, 2048)


def tiled_files(
    dataset: Dataset,
    root: Path,
    *,
    view: View,
    cities: Sequence[str],
    label_edition: str | None,
    convention: Convention,
) -> Iterator[Wanted]:
    """Yield the files of a view that the lists under `root` name; a `Layout.lists`."""
    listed = _references if view == "reference" else _queries
    for city in cities:
        yield from listed(dataset, root, city, label_edition, convention)


def _references(
    dataset: Dataset, root: Path, city: str, label_edition: str | None, convention: Convention
) -> Iterator[Wanted]:
    # The city alone, as a split of its own, has all its tiles, with their centres.
    alone = dataclasses.replace(dataset, splits={"same": {"train": (city,), "test": (city,)}})
    task = tiled.read_task(
        alone, "same", root, cities=(city,), label_edition=label_edition, convention=convention
    )
    # Row by row, so that neighbours find the source tiles that they share.
    table = task.test.references.sort_values(["lat", "lon"], ascending=[False, True])
    columns = ("path", "lat", "lon", "height_px", "width_px")
    for path, lat, lon, height, width in zip(*(table[name] for name in columns), strict=True):
        yield Wanted(path, lat, lon, (int(height), int(width)))


def _queries(
    dataset: Dataset, root: Path, city: str, label_edition: str | None, convention: Convention
) -> Iterator[Wanted]:
    folder, _ = label_folders(dataset, root, (city,), same_area=True, edition=label_edition)
    kinds = [("train", True), ("test", True), ("train", False)]
    files = {file for part, same in kinds for file in folder.label_files(city, part, same_area=same)}
    place, _ = image_folders(root, city)
    size = tuple(dataset.panorama.get("size_px") or PANORAMA_SIZE)
    seen: set[str] = set()
    for file in sorted(files):
        names = read_labels(file).queries
        lats, lons = coordinates(names, convention.query_name, where=str(file))
        for name, lat, lon in zip(names.to_pylist(), lats, lons, strict=True):
            if name not in seen:
                seen.add(name)
                yield Wanted(f"{place}/{name}", lat, lon, size)
