"""What a data set's lists ask for: every tile and panorama of the chosen cities, one city at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.layout import Layout, Wanted, layout_of
from cvgl_bench.data_tools.fetch.download import target_path
from cvgl_bench.data_tools.fetch.provider import Provider
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.registry import Registry
from cvgl_bench.method import View

BYTES_PER_PX = {".png": 1.5, ".jpg": 0.35, ".jpeg": 0.35, ".webp": 0.3}
"""Measured on aerial imagery at 0.1-0.6 m per pixel and on street panoramas."""


def wanted_files(
    dataset: Dataset,
    root: Path,
    *,
    layouts: Registry[Layout],
    view: View,
    cities: Sequence[str],
    label_edition: str | None = None,
) -> Iterator[Wanted]:
    """Yield the files of a view that the lists under `root` name, city by city.

    Raises DataError where the lists are missing or damaged, UsageError for a data set whose layout has
    no coordinates in its names.
    """
    lists = layout_of(dataset, layouts).lists
    if lists is None:
        raise UsageError(f"{dataset.name} cannot be fetched: its file names hold no coordinates.")
    yield from lists(dataset, root, view=view, cities=cities, label_edition=label_edition)


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
    layouts: Registry[Layout],
    providers: Mapping[View, Provider],
    cities: Sequence[str],
    label_edition: str | None = None,
) -> Iterator[tuple[Provider, Wanted]]:
    """Yield every file of the views that have a provider."""
    for view, provider in providers.items():
        for wanted in wanted_files(
            dataset, root, layouts=layouts, view=view, cities=cities, label_edition=label_edition
        ):
            yield provider, wanted
