"""What a run is: its method, task and options, where it writes, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from cvgl_bench.data.splits import Task
from cvgl_bench.data.variants import PLAIN, Variant
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.method import Method, PairMethod, TrainableMethod
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.options import RunOptions
from cvgl_bench.scoring.results import RESULT


@dataclass(frozen=True)
class Run:
    """A run in progress: what it does, with what, and where it writes."""

    id: str
    folder: Path
    method: Method
    task: Task
    options: RunOptions
    plugins: Offers
    leaderboard: Path | None = None
    """Folder of the leaderboards that the result joins, or None to leave them alone."""
    checkpoint: Path | None = None
    """Weights to start from; with `train` False they are what is evaluated."""
    train: bool = True
    resume: bool = False
    say: Callable[[str], None] = field(default=lambda text: None)
    """Receives what the person should read as the run goes on."""
    reranker: PairMethod | None = None
    """What re-orders the best references that `method` finds, where the options name it."""
    group: ProcessGroup = ALONE
    """The processes that do the run together."""

    @property
    def trains(self) -> bool:
        """True where the run trains a network before evaluating it."""
        return self.train and isinstance(self.method, TrainableMethod)

    @property
    def result_path(self) -> Path:
        """Where the record goes; a folder that holds it is a finished run."""
        return self.folder / RESULT


def run_id(method: str, dataset: str, split: str, *, variant: Variant = PLAIN) -> str:
    """Return `<time>-<method>-<dataset>-<split>[-<variant>]`, the name of a run and its default folder.

    The time is UTC to the millisecond, so that runs started together keep apart.
    """
    now = datetime.now(timezone.utc)
    time = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}"
    return "-".join([time, method, dataset, split, *([variant.slug] if variant != PLAIN else [])])
