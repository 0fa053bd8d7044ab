"""Curves of training in TensorBoard, beside the rows of steps.csv."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.foundation.errors import UsageError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from cvgl_bench.training.monitor import Measured

FOLDER = "tensorboard"
"""In a run's folder; `tensorboard --logdir runs` shows all runs at once."""


class Curves:
    """One writer a run; what a resumed run measures again takes the place of what it measured before."""

    def __init__(self) -> None:
        self._writers: dict[Path, SummaryWriter] = {}

    def add(self, folder: Path, row: Measured) -> None:
        """Add a row of steps.csv to the curves of the run in a folder; raises UsageError if it cannot."""
        step = int(row["step"])
        if folder not in self._writers:
            self._writers[folder] = _writer(folder / FOLDER, first_step=step)
        for name, value in row.items():
            if name != "step":
                self._writers[folder].add_scalar(name, value, step)
        self._writers[folder].flush()

    def close(self, folder: Path) -> None:
        """End the curves of a run, if it has any."""
        if folder in self._writers:
            self._writers.pop(folder).close()


def _writer(folder: Path, *, first_step: int) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UsageError(
            "machine.tensorboard is true, but TensorBoard is not installed. Install cvgl-bench[tensorboard] "
            "and go on with `run --resume`, or start without it: steps.csv holds the same numbers."
        ) from None
    return SummaryWriter(str(folder), purge_step=first_step)
