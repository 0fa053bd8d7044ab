"""Read CVUSA: lists of pairs in CSV files, positions in a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.centred import Pairs, is_partial
from cvgl_bench.data.layouts.recognition import require_edition
from cvgl_bench.data.splits import Task
from cvgl_bench.foundation.errors import DataError

LIST = "splits/{part}-19zl.csv"
POSITIONS = "split_locations/all.csv"
LIST_COLUMNS = ("reference", "query", "annotation")
POSITION_COLUMNS = ("lat", "lon", "query_lat", "query_lon", "heading_deg")


def read_task(
    dataset: Dataset, split: str, root: Path, *, cities: Sequence[str], label_edition: str | None
) -> Task:
    """Read CVUSA's training and validation lists."""
    require_edition(dataset, label_edition)
    train, test = pairs_of(split, root)
    return Task(
        dataset=dataset,
        split=split,
        train=train.split("train", dataset, root),
        test=test.split("test", dataset, root),
        label_edition=dataset.label_editions[0] if dataset.label_editions else "",
        partial=is_partial(dataset, split, test),
    )


def pairs_of(split: str, root: Path) -> tuple[Pairs, Pairs]:
    """Return the training and test pairs that the lists name; images are not looked for."""
    positions = _read_positions(root / POSITIONS)
    train, test = (_read_pairs(root / LIST.format(part=part), positions) for part in ("train", "val"))
    return train, test


def _read_positions(path: Path) -> pd.DataFrame:
    table = _read_csv(path, POSITION_COLUMNS)
    try:
        table = table.astype(np.float64)
    except ValueError as error:
        raise DataError(f"{path}: {error}; expected are {', '.join(POSITION_COLUMNS)}.") from None
    outside = ~(
        table[["lat", "query_lat"]].abs().le(90).all(axis=1)
        & table[["lon", "query_lon"]].abs().le(180).all(axis=1)
    )
    if outside.any():
        line = int(np.flatnonzero(outside)[0]) + 1
        raise DataError(
            f"{path}, line {line}: not a latitude and longitude in degrees; lat comes before lon."
        )
    return table


def _read_pairs(path: Path, positions: pd.DataFrame) -> Pairs:
    table = _read_csv(path, LIST_COLUMNS)
    ids = table["reference"].str.extract(r"([^/]+)\.[A-Za-z]+$", expand=False)
    number = pd.to_numeric(ids, errors="coerce")
    line = np.arange(1, len(table) + 1, dtype=np.int32)
    outside = (
        table[["reference", "query"]].apply(lambda c: c.str.contains(r"^/|\\|(?:^|/)\.\.(?:/|$)")).any(axis=1)
    )
    for fault, reason in (
        (outside, "a path that leaves the data set's folder"),
        (
            ~number.between(1, len(positions)),
            f"an id without a line in {POSITIONS} (it has {len(positions)})",
        ),
        (ids.duplicated(), "an id that occurred before"),
    ):
        if fault.any():
            row = int(np.flatnonzero(fault)[0])
            raise DataError(f"{path}, line {line[row]}: '{table['reference'].iloc[row]}' is {reason}.")
    place = positions.iloc[number.to_numpy(np.int64) - 1]
    return Pairs(
        ids=ids,
        query_paths=table["query"],
        reference_paths=table["reference"],
        lat=place["lat"].to_numpy(),
        lon=place["lon"].to_numpy(),
        query_lat=place["query_lat"].to_numpy(),
        query_lon=place["query_lon"].to_numpy(),
        source=str(path),
        line=line,
    )


def _read_csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    if table.shape[1] != len(columns):
        raise DataError(f"{path} has {table.shape[1]} columns where {', '.join(columns)} are expected.")
    return table.set_axis(columns, axis=1)
