"""The losses of every epoch as a file that spreadsheets read, a row an epoch even after interruptions."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from cvgl_bench.foundation.errors import CheckpointError
from cvgl_bench.foundation.whole_files import write_text


class LossesFile:
    """The rows of a CSV file; it is written whole each time, so that it never ends in half a row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._text = path.read_text(encoding="utf-8") if path.exists() else ""
            self._epochs = {int(row["epoch"]) for row in csv.DictReader(io.StringIO(self._text))}
        except (KeyError, TypeError, ValueError, csv.Error):
            raise CheckpointError(f"{path} is not a record of losses; move it away.") from None

    def __contains__(self, epoch: int) -> bool:
        return epoch in self._epochs

    def add(self, epoch: int, losses: Mapping[str, float], *, seconds: float) -> None:
        """Append an epoch's row."""
        row = {"epoch": epoch, "seconds": round(seconds, 3), **losses}
        lines = io.StringIO()
        writer = csv.DictWriter(lines, fieldnames=list(row), lineterminator="\n")
        if not self._text:
            writer.writeheader()
        writer.writerow(row)
        self._text += lines.getvalue()
        self._epochs.add(epoch)
        write_text(self._path, self._text)
