"""Check the lists and labels of a tiled data set, count what they name, and say which files that is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.findings import Findings, Listed
from cvgl_bench.data.layouts.folders import image_folders
from cvgl_bench.data.layouts.layout import Inspected
from cvgl_bench.data_tools.inspection.tiled_labels import CityFiles, check_labels


def check_tiled(
    found: Findings,
    dataset: Dataset,
    root: Path,
    *,
    cities: Sequence[str],
    label_edition: str | None,
    convention: Convention,
) -> Inspected:
    """Check a tiled data set label by label; a `Layout.check`."""
    read = check_labels(
        found, dataset, root, cities=cities, label_edition=label_edition, convention=convention
    )
    chosen = tuple(entry.city.name for entry in read)
    _check_counts(found, dataset, _counts(read), whole=set(chosen) == set(dataset.cities))
    return Inspected(_files(root, read), chosen)


def _files(root: Path, read: Iterable[CityFiles]) -> dict[str, Listed]:
    files: dict[str, Listed] = {}
    for entry in read:
        city = entry.city
        query_folder, reference_folder = image_folders(root, city.name)
        for name, line in zip(city.tiles.to_pylist(), city.line.tolist(), strict=True):
            path = f"{reference_folder}/{name}"
            files[path] = Listed(path, "reference", str(city.source), line)
        for table in entry.labels.values():
            labels = table.labels
            columns = labels.queries.to_pylist(), labels.source.to_pylist(), labels.line.tolist()
            for name, source, line in zip(*columns, strict=True):
                path = f"{query_folder}/{name}"
                files.setdefault(path, Listed(path, "query", source, line))
    return files


def _counts(read: Iterable[CityFiles]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in read:
        name = entry.city.name
        counts["tiles"][name] = len(entry.city.tiles)
        names = set()
        for part, table in entry.labels.items():
            names.update(table.labels.queries.to_pylist())
            if part != "whole":
                counts[part][name] = len(table.labels)
        counts["queries"][name] = len(names)
    return counts


def _check_counts(
    found: Findings, dataset: Dataset, counts: Mapping[str, Mapping[str, int]], *, whole: bool
) -> None:
    """Compare with the card's counts, which are totals or by city."""
    for key, by_city in counts.items():
        expected: Any = dataset.counts.get(key)
        if isinstance(expected, Mapping):
            for city, count in by_city.items():
                if city in expected and count != expected[city]:
                    reason = f"{city} has {count} {key} where the card says {expected[city]}"
                    found.add("count", found.root, reason)
        elif expected is not None and whole and sum(by_city.values()) != expected:
            reason = f"there are {sum(by_city.values())} {key} where the card says {expected}"
            found.add("count", found.root, reason)
