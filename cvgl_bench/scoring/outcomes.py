"""The outcome that a record speaks of, read back from beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.ranking.outcome import OUTCOME, Outcome, read_outcome
from cvgl_bench.scoring.metrics import RECALL_DEPTHS, recall_at
from cvgl_bench.scoring.results import RESULT, TOLERANCE, Result


def outcome_of(result: Result, folder: Path) -> Outcome:
    """Return the outcome in a run's folder, which must be that of its record.

    Compared are the numbers of queries and references and the recall at a few places: enough to tell
    another run's file, or ranks that were changed, without scoring everything again as `leaderboard verify`
    does. Raises DataError where the file is gone or damaged, ResultError where the two are not of one run.
    """
    outcome = read_outcome(folder / OUTCOME)
    for what, recorded, found in _figures(result, outcome):
        if not math.isclose(recorded, found, abs_tol=TOLERANCE):
            raise ResultError(
                f"{folder}: {what} {recorded:.6g} by {RESULT}, {found:.6g} by {OUTCOME}. They are not of one "
                "run: put back the file that belongs there, or run it again."
            )
    return outcome


def _figures(result: Result, outcome: Outcome) -> Iterator[tuple[str, float, float]]:
    """Yield what a figure counts, what the record says and what the outcome says."""
    counts = {
        "number of queries": (result.task.query_count, len(outcome)),
        "number of references": (result.task.reference_count, outcome.reference_count),
    }
    for what, (recorded, found) in counts.items():
        if recorded is not None:
            yield what, recorded, found
    for k in RECALL_DEPTHS:
        estimate = result.metrics.overall.get(f"recall@{k}")
        if estimate is not None and estimate.value is not None:
            yield f"recall@{k}", estimate.value, float(recall_at(k)(outcome).mean())
