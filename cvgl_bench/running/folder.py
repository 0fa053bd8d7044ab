"""The folder of a run: its files, and keeping it to one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.locks import locked
from cvgl_bench.foundation.whole_files import remove_unfinished
from cvgl_bench.scoring.results import RESULT
from cvgl_bench.training.selection import BEST, BEST_EPOCH

WEIGHTS, STATE, REQUEST = "weights.safetensors", "state.safetensors", "options.yaml"
"""Names of the files in a run folder, beside its record and its outcome."""

LOSSES, STEPS = "losses.csv", "steps.csv"
"""What training measured: a row an epoch, and a row every few steps."""


def make_folder(folder: Path) -> None:
    """Create a run folder; one that exists is refused, because a run is never overwritten."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(
            f"The run folder {folder} exists, and a run is never overwritten. Choose another --output, or "
            "continue an interrupted run with --resume."
        ) from None
    except OSError as error:
        raise UsageError(f"The run folder {folder} cannot be made: {error.strerror}.") from None


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep an unfinished run's folder to this process while a block runs.

    Raises UsageError where another process is at work in it, where it is finished, or holds no run.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / REQUEST))
        except BlockingIOError:
            raise UsageError(
                f"Another process is at work on the run in {folder}. Let it end, or stop it and --resume."
            ) from None
        except OSError as error:
            raise UsageError(
                f"{folder} is no run that can go on: its {REQUEST} cannot be opened ({error.strerror})."
            ) from None
        if (folder / RESULT).exists():
            tidy(folder)
            raise UsageError(
                f"The run in {folder} is finished: it has a {RESULT}. If it was stopped before it joined the "
                f"leaderboard, `cvgl-bench leaderboard add {folder}` puts it there."
            )
        yield


def tidy(folder: Path) -> None:
    """Remove what only resuming needs, and what killed processes left half-written."""
    remove_unfinished(folder)
    for name in (STATE, BEST, BEST_EPOCH):
        (folder / name).unlink(missing_ok=True)
