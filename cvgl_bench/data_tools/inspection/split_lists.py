"""Check a data set by what its reader makes of it, where its layout brings no check of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import read_task
from cvgl_bench.data.layouts.findings import Findings, Listed
from cvgl_bench.data.layouts.layout import Inspected, Layout
from cvgl_bench.data.splits import Task
from cvgl_bench.data_tools.inspection.pair_lists import check_count
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.registry import Registry
from cvgl_bench.method import View


def check_splits(
    found: Findings,
    dataset: Dataset,
    root: Path,
    *,
    cities: Sequence[str],
    label_edition: str | None,
    layouts: Registry[Layout],
) -> Inspected:
    """Read every split; take down what cannot be read, counts that are wrong, and queries that train too."""
    files: dict[str, Listed] = {}
    for name in dataset.splits:
        try:
            task = read_task(dataset, name, root, layouts=layouts, cities=cities, label_edition=label_edition)
        except DataError as error:
            found.add("label", root, f"split '{name}': {error}")
            continue
        found.label_edition = task.label_edition
        found.notes += [note for note in task.notes if note not in found.notes]
        _take_down(found, task, files, whole=set(cities) == set(dataset.cities))
    return Inspected(files, tuple(cities))


def _take_down(found: Findings, task: Task, files: dict[str, Listed], *, whole: bool) -> None:
    for part, split in (("train", task.train), ("test", task.test)):
        if whole:
            check_count(found, task.dataset, task.split, part, len(split))
        found.checked["labels"] = found.checked.get("labels", 0) + len(split)
        tables: dict[View, pd.DataFrame] = {"reference": split.references, "query": split.queries}
        for view, table in tables.items():
            columns = (table[name].to_list() for name in ("path", "source", "line"))
            for path, source, line in zip(*columns, strict=True):
                files.setdefault(path, Listed(path, view, str(source), int(line)))
    trained = set(task.train.queries["path"])
    for path in task.test.queries["path"]:
        if path in trained:
            found.add("leak", path, f"split '{task.split}' trains and tests on it")
