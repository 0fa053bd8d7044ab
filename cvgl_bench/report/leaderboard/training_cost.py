"""What the training of a row took: batch, negatives, processes, device, hours, as records say."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cvgl_bench.report.leaderboard.estimates import NO_VALUE
from cvgl_bench.scoring.results import Result

COLUMNS = ("Batch", "Negatives", "Processes", "Device", "Hours")

S_PER_HOUR = 3600


def training_cost(runs: Sequence[Result]) -> list[str]:
    """Return a cell for each of COLUMNS, a dash where the runs of a row were not trained or do not say."""
    trained = [run for run in runs if run.task.train_fingerprint]
    return [
        _different(trained, _batch),
        _different(trained, lambda run: None if (batch := _batch(run)) is None else batch - 1),
        _different(trained, _processes),
        _different(trained, lambda run: run.environment.get("gpu", run.environment.get("device"))),
        _hours(trained),
    ]


def is_known(cells: Iterable[str]) -> bool:
    """Return whether any of the cells says something."""
    return any(cell != NO_VALUE for cell in cells)


def _batch(run: Result) -> int | None:
    """Return the pairs that each step of the optimiser saw."""
    training = run.options.get("training")
    found = training.get("batch_size") if isinstance(training, dict) else None
    return found if isinstance(found, int) else None


def _processes(run: Result) -> Any:
    """Return how many processes shared a batch; before several could, records did not say that it was one."""
    return run.environment.get("processes", 1) if run.environment else None


def _hours(runs: Sequence[Result]) -> str:
    """Return the mean over the runs that say how long they trained."""
    seconds = [run.seconds["train"] for run in runs if "train" in run.seconds]
    return f"{statistics.fmean(seconds) / S_PER_HOUR:.2f}" if seconds else NO_VALUE


def _different(runs: Sequence[Result], fact: Callable[[Result], Any]) -> str:
    """Return what the runs say, each thing once."""
    said = dict.fromkeys(str(found) for run in runs if (found := fact(run)) is not None)
    return ", ".join(said) or NO_VALUE
