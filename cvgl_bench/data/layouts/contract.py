"""What the harness asks of a task that a layout has read, beyond what `Split` itself refuses."""

from __future__ import annotations

import re

import pandas as pd

from cvgl_bench.data.splits import Split, Task
from cvgl_bench.foundation.errors import DataError, PluginError

OUTSIDE = re.compile(r"[\\/]|[A-Za-z]:|.*\\|(?:.*/)?\.\.(?:/|$)", re.DOTALL)
"""What a path must not match: absolute, with a drive or backslashes, or out of the data set's folder."""

LISTED = ("source", "line")
"""Columns that say where an image is listed, for messages."""


def require_task(task: object) -> None:
    """Raise PluginError for anything but a task, DataError for one that cannot be used."""
    if not isinstance(task, Task):
        raise PluginError(f"its `read` returned {task!r}, but it must return a Task.")
    for split in (task.train, task.test):
        for kind, table in (("reference", split.references), ("query", split.queries)):
            _require_table(split, kind, table)


def _require_table(split: Split, kind: str, table: pd.DataFrame) -> None:
    where = f"Split '{split.name}'"
    if not len(table):
        raise DataError(f"{where} has no {kind}.")
    missing = [name for name in LISTED if name not in table]
    if missing:
        raise DataError(f"{where}: the {kind} table lacks the columns {', '.join(missing)}.")
    paths = table["path"].tolist()
    if _may_lead_outside(paths):
        for path in paths:
            if OUTSIDE.match(path):
                raise DataError(f"{where}: the {kind} path '{path}' leads out of the data set's folder.")
    if kind == "reference" and not table["path"].is_unique:
        double = table["path"][table["path"].duplicated()].iloc[0]
        raise DataError(f"{where}: the reference image '{double}' occurs twice.")


def _may_lead_outside(paths: list[str]) -> bool:
    """Return whether any path holds what `OUTSIDE` needs; the whole list is searched at once."""
    text = "\n" + "\n".join(paths)
    return any(sign in text for sign in ("..", "\\", "\n/", ":"))
