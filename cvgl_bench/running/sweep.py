"""One set of weights on several variants of its test split, compared query by query with the plain one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvgl_bench.data.splits import Split
from cvgl_bench.data.variants import PLAIN, Variant
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.ranking import OUTCOME, Outcome, read_outcome
from cvgl_bench.report.comparison import OVERALL, Difference, compare, corrected
from cvgl_bench.report.leaderboard.estimates import print_estimate
from cvgl_bench.running.execution import execute
from cvgl_bench.running.run import Run
from cvgl_bench.scoring.metrics import Metric
from cvgl_bench.scoring.results import Estimate, Result

RECORD = "sweep.json"


@dataclass(frozen=True)
class Step:
    """One variant of a sweep: the metric, and how it differs from that on plain queries.

    change: the variant's value minus the plain one, on the same queries, corrected for all variants together;
        None for the plain ones.
    """

    variant: Variant
    folder: Path
    estimate: Estimate
    change: Difference | None

    @property
    def told_apart(self) -> bool:
        """Whether the change is one."""
        return self.change is not None and self.change.told_apart


@dataclass(frozen=True)
class Sweep:
    """What a sweep found; the first step is that of plain queries."""

    metric: Metric
    result: Result
    """The record of the plain queries: who was tested on what."""
    split: Split
    """The test split, its queries plain."""
    steps: tuple[Step, ...]

    @property
    def folder(self) -> Path:
        """Where the runs and the sweep's record are."""
        return self.steps[0].folder.parent

    def as_data(self) -> dict[str, Any]:
        """Return the sweep as plain values, as its record holds them."""
        return {
            "metric": self.metric.id,
            "method": self.result.method.model_dump(),
            "task": self.result.task.model_dump(exclude={"variant"}),
            "checkpoint_sha256": self.result.checkpoint_sha256,
            "variants": {str(step.variant): _step_data(step) for step in self.steps},
        }


def sweep(runs: Iterable[Run], metric: Metric) -> Sweep:
    """Execute runs of one set of weights, the first on plain queries, and compare each with the first.

    Raises UsageError for a metric that has no value on this split or for this method.
    """
    results: list[Result] = []
    outcomes: list[Outcome] = []
    finished: list[Run] = []
    for run in runs:
        result = execute(run)
        estimate = result.metrics.overall.get(metric.id)
        if estimate is None or estimate.value is None:
            raise UsageError(
                f"{metric.id} has no value for {run.method.title} on {result.task.dataset}"
                + (f" ({metric.undefined})" if estimate and metric.undefined else "")
                + "; choose another --metric."
            )
        finished.append(run)
        results.append(result)
        outcomes.append(read_outcome(run.folder / OUTCOME))
        run.say(f"{run.task.test.variant}: {metric.id} {print_estimate(estimate, metric.unit)} {metric.unit}")
    changes = corrected(
        [
            _change(run, metric, plain=outcomes[0], changed=outcome)
            for run, outcome in zip(finished[1:], outcomes[1:], strict=True)
        ]
    )
    found = Sweep(
        metric,
        results[0],
        finished[0].task.test,
        tuple(
            Step(run.task.test.variant, run.folder, result.metrics.overall[metric.id], change)
            for run, result, change in zip(finished, results, [None, *changes], strict=True)
        ),
    )
    record = json.dumps(found.as_data(), indent=2, allow_nan=False)
    write_text(found.folder / RECORD, record + "\n", exclusive=True)
    return found


def _change(run: Run, metric: Metric, *, plain: Outcome, changed: Outcome) -> Difference:
    """Return the metric on changed queries minus that on plain ones."""
    compared = compare(
        {str(run.task.test.variant): [changed], str(PLAIN): [plain]},
        [metric],
        edges=run.task.dataset.decentrality_edges,
    )
    return next(difference for difference in compared.differences if difference.stratum == OVERALL)


def _step_data(step: Step) -> dict[str, Any]:
    change = step.change
    return {
        "folder": step.folder.name,
        **step.estimate.model_dump(),
        "change": None if change is None else {k: asdict(change)[k] for k in ("value", "low", "high", "p")},
    }
