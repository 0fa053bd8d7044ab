"""Verify a copy of a data set: lists, labels, geometry, images, copies, leakage, counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import cvact, cvusa, read_task, require_cities
from cvgl_bench.data.layouts.centred import expected_count
from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.data.layouts.folders import image_folders
from cvgl_bench.data.layouts.recognition import CENTRE
from cvgl_bench.data_tools.inspection.decoding import Decoded
from cvgl_bench.data_tools.inspection.image_files import Listed, check_images
from cvgl_bench.data_tools.inspection.problems import Verification
from cvgl_bench.data_tools.inspection.statistics import CityStatistics, city_statistics
from cvgl_bench.data_tools.inspection.tiled_labels import CityFiles, check_labels
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.method import View

WHOLE_CIRCLE_DEG = 360


def verify(
    dataset: Dataset,
    root: Path,
    *,
    cities: Sequence[str] | None = None,
    label_edition: str | None = None,
    images: bool = True,
    decoded: Decoded | None = None,
    bar: Progress | None = None,
) -> Verification:
    """Check a copy of a data set and return everything that is wrong with it.

    cities: check these alone, and no totals over all cities. images: False looks at lists and labels
    only. decoded: decode every image that this record does not know; None looks at their headers and
    ends, and decodes those that do not end as whole files do.
    """
    require_cities(dataset, cities or ())
    found = Verification(dataset.name, str(root))
    chosen = tuple(cities or dataset.cities)
    if dataset.layout in CONVENTIONS:
        read = check_labels(found, dataset, root, cities=chosen, label_edition=label_edition)
        chosen = tuple(entry.city.name for entry in read)
        _check_counts(found, dataset, _tiled_counts(read), whole=set(chosen) == set(dataset.cities))
        files = _tiled_files(root, read)
    else:
        files = _check_pairs(found, dataset, root)
    found.cities = _statistics(dataset, root, chosen, label_edition) if chosen else []
    if images:
        by_card: dict[View, Any] = {
            "reference": dataset.tile["size_px"],
            "query": dataset.panorama.get("size_px"),
        }
        alike = _of_one_size(dataset)
        check_images(
            found, root, files, decoded=decoded, one_size=alike, by_card=by_card, bar=bar or Silent()
        )
    return found


def _of_one_size(dataset: Dataset) -> list[View]:
    # Photos of a narrower view may come from many cameras.
    whole = dataset.panorama.get("horizontal_deg", WHOLE_CIRCLE_DEG) == WHOLE_CIRCLE_DEG
    return ["reference", "query"] if whole else ["reference"]


def _tiled_files(root: Path, read: Iterable[CityFiles]) -> dict[str, Listed]:
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


def _tiled_counts(read: Iterable[CityFiles]) -> dict[str, Counter[str]]:
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
    found: Verification, dataset: Dataset, counts: Mapping[str, Mapping[str, int]], *, whole: bool
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


def _check_pairs(found: Verification, dataset: Dataset, root: Path) -> dict[str, Listed]:
    """Check a data set of centred pairs, split by split."""
    found.label_edition = dataset.label_editions[0] if dataset.label_editions else ""
    found.tile_coordinate = CENTRE.name
    pairs_of = cvusa.pairs_of if dataset.layout == "cvusa" else cvact.pairs_of
    files: dict[str, Listed] = {}
    for name in dataset.splits:
        try:
            train, test = pairs_of(name, root)
        except DataError as error:
            found.add("label", root, f"split '{name}': {error}")
            continue
        for part, pairs in (("train", train), ("test", test)):
            expected = expected_count(dataset, name, part)
            if expected is not None and len(pairs) != expected:
                reason = f"split '{name}' has {len(pairs)} {part} pairs where the card says {expected}"
                found.add("count", root, reason)
            found.checked["labels"] = found.checked.get("labels", 0) + len(pairs)
            for view, paths in (("reference", pairs.reference_paths), ("query", pairs.query_paths)):
                for path, line in zip(paths, pairs.line.tolist(), strict=True):
                    files.setdefault(path, Listed(path, view, pairs.source, line))
        for query in sorted(set(train.ids) & set(test.ids)):
            found.add("leak", train.source, f"split '{name}' trains and tests on '{query}'")
    return files


def _statistics(
    dataset: Dataset, root: Path, cities: Sequence[str], label_edition: str | None
) -> list[CityStatistics]:
    """Return the numbers of the first split that can be read; none where labels are damaged."""
    for name in dataset.splits:
        try:
            return city_statistics(read_task(dataset, name, root, cities=cities, label_edition=label_edition))
        except (DataError, UsageError):
            # What is wrong with the labels was taken down when they were checked line by line.
            continue
    return []
