"""Recompute a run's figures from its outcome file and compare them with its record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvgl_bench.report.leaderboard.files import RESULTS, outcomes_of, read_results
from cvgl_bench.scoring.metrics import RETIRED_METRICS
from cvgl_bench.scoring.results import RESULT, TOLERANCE, Result, read_result
from cvgl_bench.scoring.statistics.curves import CURVE_NUMBERS
from cvgl_bench.scoring.statistics.strata import bin_edges

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.scoring.metrics import Metric

NOT_OF_EARLIER_RECORDS = frozenset(
    {"low", "high", "standard_error", "degrees", "clusters", "widened", "cut_off_m", "by_border", "intervals"}
) | set(CURVE_NUMBERS)
"""What records of version 0.1 lack or made by formulas that are gone: intervals, and areas under curves."""


def verify(folder: Path, run_folder: Path, metrics: Mapping[str, Metric]) -> list[str]:
    """Return every difference between a run's record, its copy on the board and its outcome.

    As `recompute` does; raises CvglError for unreadable files.
    """
    from cvgl_bench.ranking import OUTCOME

    result = read_result(run_folder / RESULT)
    differences = []
    listed = folder / RESULTS / f"{result.id}.json"
    if not listed.exists():
        differences.append(f"{listed} does not exist: the run is not on this leaderboard")
    elif read_result(listed) != result:
        differences.append(f"{listed} differs from {run_folder / 'result.json'}")
    return differences + recompute(result, run_folder / OUTCOME, metrics)


def verify_all(folder: Path, metrics: Mapping[str, Metric]) -> dict[str, list[str]]:
    """Return the differences, as `recompute` does, of each result whose outcome is kept beside it, by id.

    An outcome without a result is a difference too. Raises CvglError for unreadable files.
    """
    results = {result.id: result for result in read_results(folder)}
    outcomes = outcomes_of(folder)
    lost = {id: [f"{path} belongs to no result"] for id, path in outcomes.items() if id not in results}
    return lost | {
        id: recompute(results[id], path, metrics) for id, path in outcomes.items() if id in results
    }


def recompute(result: Result, outcome_path: Path, metrics: Mapping[str, Metric]) -> list[str]:
    """Return every difference between a record and what is computed anew from its outcome.

    An empty list means that each value, interval and count follows from the outcome; of records that
    version 0.1 made, values and counts, as its intervals came from formulas that are gone. Metrics that
    nothing installed offers are named as not checked. Raises DataError for an outcome that cannot be read.
    """
    # Scoring comes with torch, which building the pages has no use for.
    from cvgl_bench.evaluation.evaluate import score
    from cvgl_bench.ranking import read_outcome

    outcome = read_outcome(outcome_path)
    recorded = result.metrics.overall
    differences = [
        f"{id}: no installed plugin offers it, not checked"
        for id in recorded
        if id not in metrics and id not in RETIRED_METRICS
    ]
    scored = score(
        outcome,
        {id: metrics[id] for id in recorded if id in metrics},
        edges=bin_edges(result.metrics.by_decentrality) or (0.0, 1.0),
    )
    skip = set(recorded) - set(metrics)
    if result.metrics.intervals == "bootstrap":
        skip |= NOT_OF_EARLIER_RECORDS
    differences += _compare(_counts(result, outcome), _counts(result), "task / ", skip=skip)
    differences += _compare(scored.metrics.model_dump(), result.metrics.model_dump(), "", skip=skip)
    return differences + _compare(scored.summary, result.summary, "summary / ", skip=skip)


def _counts(result: Result, outcome: Outcome | None = None) -> dict[str, int]:
    """Return how many queries and references an outcome has, or a record says, where it says so."""
    recorded = {"query_count": result.task.query_count, "reference_count": result.task.reference_count}
    known = {name: count for name, count in recorded.items() if count is not None}
    if outcome is None:
        return known
    found = {"query_count": len(outcome), "reference_count": outcome.reference_count}
    return {name: found[name] for name in known}


def _compare(again: Any, known: Any, where: str, *, skip: set[str]) -> list[str]:
    if isinstance(again, dict) and isinstance(known, dict):
        names = [name for name in {**known, **again} if name not in skip]
        return [
            line
            for name in names
            for line in _compare(again.get(name), known.get(name), f"{where}{name} / ", skip=skip)
        ]
    if (
        isinstance(again, float)
        and isinstance(known, float)
        and math.isclose(again, known, abs_tol=TOLERANCE)
    ):
        return []
    return [] if again == known else [f"{where[:-3]}: recorded {known}, recomputed {again}"]
