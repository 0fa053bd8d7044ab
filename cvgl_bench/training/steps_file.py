"""What training measured every few steps, as a file that spreadsheets read; each row once."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cvgl_bench.foundation.errors import CheckpointError, TrainingError
from cvgl_bench.foundation.whole_files import write_text

Row = Mapping[str, object]


class StepsFile:
    """A CSV file whose rows go on after a step, however many a killed process wrote beyond it.

    A row is on disk when `add` returns, so that a state saved later never counts steps that have none.
    """

    def __init__(self, path: Path, *, step: int) -> None:
        """step: the last one that is done; rows of later ones, and half of one, go: they will come again."""
        self._path = path
        self._names: list[str] = []
        if path.exists():
            self._names, rows = _read(path)
            self._write([row for row in rows if int(row["step"]) <= step])

    def add(self, row: Row) -> None:
        """Append a row; where it has a column that no row had, the file is written anew with that one too."""
        if set(row) <= set(self._names):
            self._append(row)
            return
        rows = _read(self._path)[1] if self._names else []
        self._names += [name for name in row if name not in self._names]
        self._write([*rows, row])

    def _append(self, row: Row) -> None:
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_text(self._names, [row]))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise TrainingError(f"{self._path} cannot be written: {error.strerror}.") from None

    def _write(self, rows: Iterable[Row]) -> None:
        write_text(self._path, _text(self._names, [dict(zip(self._names, self._names, strict=True)), *rows]))


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return columns and rows of a file, without a last line that was not written to its end."""
    try:
        whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
        reader = csv.DictReader(io.StringIO(whole))
        rows = [row for row in reader if int(row["step"]) >= 0]
        return list(reader.fieldnames or []), rows
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        raise CheckpointError(f"{path} is not a record of steps; move it away.") from None


def _text(names: Iterable[str], rows: Iterable[Row]) -> str:
    lines = io.StringIO()
    csv.DictWriter(lines, fieldnames=list(names), restval="", lineterminator="\n").writerows(rows)
    return lines.getvalue()
