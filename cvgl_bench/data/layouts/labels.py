"""Read the text files of a tiled data set: lists of tile names, and label lines of 13 fields.

A label line names the panorama, then four times a tile and two numbers: first the positive, then the
semi-positives. Reading is vectorised; a file that resists is read again line by line, so that the
error can name the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv

from cvgl_bench.foundation.errors import DataError

TILES_PER_LABEL = 4
LABEL_FIELDS = 1 + 3 * TILES_PER_LABEL
NUMBER_FIELDS = (2, 3, 5, 6, 8, 9, 11, 12)
"""Positions, from 0, of the numbers in a label line; the others are names."""

OnFault = Callable[[int, str], None]
"""What is called with the line and the reason of a fault."""


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The lines of one or more label files.

    queries: (L,) panorama file names; tiles: four arrays (L,) of tile file names, positive first.
    numbers: float64 (L, 4, 2), the two numbers of each tile; their meaning depends on the layout.
    line: int32 (L,), line of each label in its file, from 1; source: (L,) str, that file.
    """

    queries: pa.Array
    tiles: tuple[pa.Array, ...]
    numbers: NDArray[np.float64]
    line: NDArray[np.int32]
    source: pa.Array

    def __len__(self) -> int:
        return len(self.line)

    def where(self, row: int | np.integer[Any]) -> tuple[str, int]:
        """Return the file and line of a row."""
        return self.source[row].as_py(), int(self.line[row])

    def take(self, rows: NDArray[np.int64]) -> LabelTable:
        """Return the labels at `rows`."""
        return LabelTable(
            queries=self.queries.take(pa.array(rows)),
            tiles=tuple(tiles.take(pa.array(rows)) for tiles in self.tiles),
            numbers=self.numbers[rows],
            line=self.line[rows],
            source=self.source.take(pa.array(rows)),
        )


def join(tables: list[LabelTable]) -> LabelTable:
    """Return the lines of several tables as one."""
    return LabelTable(
        queries=pa.concat_arrays([table.queries for table in tables]),
        tiles=tuple(
            pa.concat_arrays(list(arrays)) for arrays in zip(*(t.tiles for t in tables), strict=True)
        ),
        numbers=np.concatenate([table.numbers for table in tables]),
        line=np.concatenate([table.line for table in tables]),
        source=pa.concat_arrays([table.source for table in tables]),
    )


def read_labels(path: Path, *, on_fault: OnFault | None = None) -> LabelTable:
    """Read a label file.

    on_fault: called with the line and the reason of every fault, and the line is left out; without it
    the first fault raises DataError, which names the file and the line.
    """
    on_fault = on_fault or _refuse(path)
    columns = _read_columns(path, LABEL_FIELDS, NUMBER_FIELDS)
    if columns is None:
        columns, line = _read_slowly(path, _label_fault, NUMBER_FIELDS, LABEL_FIELDS, on_fault)
    else:
        line = np.arange(1, len(columns[0]) + 1, dtype=np.int32)
    # Tiles need no such check: they are looked up in a list whose names were checked.
    columns, line = _keep(columns, line, _plain(columns[0], line, on_fault))
    numbers = np.stack([columns[field].to_numpy(zero_copy_only=False) for field in NUMBER_FIELDS], axis=1)
    return LabelTable(
        queries=columns[0],
        tiles=tuple(columns[1 + 3 * k] for k in range(TILES_PER_LABEL)),
        numbers=numbers.reshape(-1, TILES_PER_LABEL, 2),
        line=line,
        source=pa.repeat(str(path), len(line)),
    )


def read_names(path: Path, *, on_fault: OnFault | None = None) -> tuple[pa.Array, NDArray[np.int32]]:
    """Read a list of names, one a line; return them and their line numbers.

    A name with a folder in it and one that occurs twice are faults; `on_fault` as in `read_labels`.
    """
    on_fault = on_fault or _refuse(path)
    columns = _read_columns(path, 1, ())
    if columns is None:
        columns, line = _read_slowly(path, _name_fault, (), 1, on_fault)
    else:
        line = np.arange(1, len(columns[0]) + 1, dtype=np.int32)
    columns, line = _keep(columns, line, _plain(columns[0], line, on_fault))
    first = first_of_each(columns[0])
    for row in np.flatnonzero(~first):
        on_fault(
            int(line[row]), f"'{columns[0][row].as_py()}' occurs twice, so that a label could mean either"
        )
    columns, line = _keep(columns, line, first)
    return columns[0], line


def first_of_each(names: pa.Array) -> NDArray[np.bool_]:
    """Return (N,) whether a name is the first of its kind."""
    if compute.count_distinct(names).as_py() == len(names):
        return np.ones(len(names), bool)
    codes = names.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    first = np.zeros(len(names), bool)
    first[np.unique(codes, return_index=True)[1]] = True
    return first


def _refuse(path: Path) -> OnFault:
    def refuse(line: int, reason: str) -> None:
        raise DataError(f"{path}, line {line}: {reason}.")

    return refuse


def _read_columns(path: Path, count: int, number_fields: tuple[int, ...]) -> list[pa.Array] | None:
    """Read a space-separated file at once, or return None where it is not that regular."""
    names = [str(field) for field in range(count)]
    types = {name: pa.float64() if int(name) in number_fields else pa.string() for name in names}
    try:
        # Blank lines count as rows that do not fit: row n is line n + 1 wherever this succeeds.
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
        )
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (pa.ArrowInvalid, OSError):
        return None
    columns = [column.combine_chunks() for column in table.columns]
    for field, column in enumerate(columns):
        if field in number_fields and not compute.all(compute.is_finite(column)).as_py():
            return None
        if field not in number_fields and compute.any(compute.equal(column, "")).as_py():
            return None
    return columns


def _read_slowly(
    path: Path,
    fault_in: Callable[[list[str]], str | None],
    number_fields: tuple[int, ...],
    count: int,
    on_fault: OnFault,
) -> tuple[list[pa.Array], NDArray[np.int32]]:
    """Read line by line; any white space separates fields, blank lines are skipped."""
    rows, lines = [], []
    for line, text in _text_lines(path):
        fields = text.split()
        reason = fault_in(fields)
        if reason:
            on_fault(line, reason)
            continue
        rows.append(fields)
        lines.append(line)
    if not rows:
        on_fault(1, "the file holds nothing that can be used; get it again")
    columns = []
    for field in range(count):
        values = [fields[field] for fields in rows]
        is_number = field in number_fields
        columns.append(
            pa.array(map(float, values), pa.float64()) if is_number else pa.array(values, pa.string())
        )
    return columns, np.array(lines, np.int32)


def _keep(
    columns: list[pa.Array], line: NDArray[np.int32], kept: NDArray[np.bool_]
) -> tuple[list[pa.Array], NDArray[np.int32]]:
    if kept.all():
        return columns, line
    mask = pa.array(kept)
    return [column.filter(mask) for column in columns], line[kept]


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from ((line, text) for line, text in enumerate(file, 1) if text.strip())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file: {error}; get it again.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def _name_fault(fields: list[str]) -> str | None:
    return None if len(fields) == 1 else f"{len(fields)} fields where one tile name is expected"


def _label_fault(fields: list[str]) -> str | None:
    if len(fields) != LABEL_FIELDS:
        return (
            f"{len(fields)} fields where {LABEL_FIELDS} are expected: the panorama, then four times a tile "
            "and two numbers"
        )
    for field in NUMBER_FIELDS:
        try:
            # Python reads 1_0 as ten; nobody who writes labels does.
            finite = "_" not in fields[field] and np.isfinite(float(fields[field]))
        except ValueError:
            finite = False
        if not finite:
            return f"field {field + 1} is '{fields[field]}', which is not a number"
    return None


def _plain(names: pa.Array, line: NDArray[np.int32], on_fault: OnFault) -> NDArray[np.bool_]:
    """Return (N,) whether a name is that of a file, without folders."""
    outside = compute.match_substring_regex(names, r"[/\\]|^\.\.?$").to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(outside):
        on_fault(int(line[row]), f"'{names[row].as_py()}' is a path; only file names are allowed")
    return ~outside
