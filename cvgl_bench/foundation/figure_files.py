"""Figures on disk: the formats that there are, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.whole_files import written_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".pdf", ".png", ".svg")


def check_format(path: Path) -> None:
    """Raise UsageError for a figure of a kind that is not drawn."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"Figure {path}: use one of the endings {', '.join(FORMATS)}.")


def save_figure(figure: Figure, path: Path, *, dots_per_inch: int) -> None:
    """Write a figure, and the folder it goes to; raises DataError where that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=dots_per_inch, format=path.suffix.lower().removeprefix("."))
