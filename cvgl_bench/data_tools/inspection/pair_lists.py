"""Check the lists of a data set of pairs, whose queries lie in the centres of their tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.centred import Pairs, expected_count
from cvgl_bench.data.layouts.findings import Findings, Listed
from cvgl_bench.data.layouts.layout import Inspected
from cvgl_bench.data.layouts.recognition import CENTRE
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.method import View

PairsOf = Callable[[str, Path], tuple[Pairs, Pairs]]
"""From a split's name and the data set's folder to the pairs that train and test, looking for no image."""


def check_pairs(
    found: Findings,
    dataset: Dataset,
    root: Path,
    *,
    cities: Sequence[str],
    label_edition: str | None,
    pairs_of: PairsOf,
) -> Inspected:
    """Check a data set of centred pairs, split by split; a `Layout.check`."""
    found.label_edition = dataset.label_editions[0] if dataset.label_editions else ""
    found.tile_coordinate = CENTRE.name
    files: dict[str, Listed] = {}
    for name in dataset.splits:
        try:
            train, test = pairs_of(name, root)
        except DataError as error:
            found.add("label", root, f"split '{name}': {error}")
            continue
        for part, pairs in (("train", train), ("test", test)):
            check_count(found, dataset, name, part, len(pairs))
            found.checked["labels"] = found.checked.get("labels", 0) + len(pairs)
            both: dict[View, Any] = {"reference": pairs.reference_paths, "query": pairs.query_paths}
            for view, paths in both.items():
                for path, line in zip(paths, pairs.line.tolist(), strict=True):
                    files.setdefault(path, Listed(path, view, pairs.source, line))
        for query in sorted(set(train.ids) & set(test.ids)):
            found.add("leak", train.source, f"split '{name}' trains and tests on '{query}'")
    return Inspected(files, tuple(cities))


def check_count(found: Findings, dataset: Dataset, split: str, part: str, count: int) -> None:
    """Compare the queries of a part with what the card says."""
    expected = expected_count(dataset, split, part)
    if expected is not None and count != expected:
        reason = f"split '{split}' has {count} {part} pairs where the card says {expected}"
        found.add("count", found.root, reason)
