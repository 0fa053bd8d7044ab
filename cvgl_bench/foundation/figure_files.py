"""Figures on disk: the formats that there are, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.foundation.errors import DataError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".pdf", ".png", ".svg")


def check_format(path: Path) -> None:
    """Raise UsageError for a figure of a kind that is not drawn."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"Figure {path}: use one of the endings {', '.join(FORMATS)}.")


def save_figure(figure: Figure, path: Path, *, dots_per_inch: int) -> None:
    """Write a figure under a temporary name and rename it; raises DataError where that is not possible."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(temporary, dpi=dots_per_inch)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise DataError(f"{path} cannot be written: {error.strerror}.") from None
