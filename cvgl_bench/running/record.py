"""The record of a run: what was run on what, with what, and what came out."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from cvgl_bench.data.splits import Task
from cvgl_bench.embedding import provenance
from cvgl_bench.evaluation.evaluate import Scores
from cvgl_bench.networks.checkpoints import file_sha256
from cvgl_bench.running.folder import WEIGHTS
from cvgl_bench.running.run import Run
from cvgl_bench.scoring.results import MethodRecord, Result, Selection, TaskRecord


def run_record(
    run: Run,
    environment: dict[str, Any],
    *,
    scored: Scores,
    selection: Selection,
    seconds: dict[str, float],
) -> Result:
    """Return the record of a run whose weights, where it trained any, are in its folder."""
    entry = run.plugins.methods.entry(run.method.name)
    weights = run.folder / WEIGHTS
    evaluated = weights if weights.exists() else run.checkpoint
    options = run.options.values()
    if not run.trains:
        options["training"] = {"seed": run.options.training.seed}
    return Result(
        id=run.id,
        origin="measured",
        created=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        task=task_record(run.task, trained=run.trains),
        method=MethodRecord(
            name=run.method.name,
            title=run.method.title,
            distribution=entry.origin.distribution,
            version=entry.origin.version,
        ),
        metrics=scored.metrics,
        units=scored.units,
        summary=scored.summary,
        selection=selection,
        options=options,
        versions=provenance.versions(),
        commit=provenance.commit(),
        checkpoint_sha256=file_sha256(evaluated) if evaluated else None,
        environment=environment,
        seconds={phase: round(value, 2) for phase, value in seconds.items()},
    )


def task_record(task: Task, *, trained: bool) -> TaskRecord:
    """Return what a record says of the task; `trained` where its training split was used."""
    test = task.test
    return TaskRecord(
        dataset=task.dataset.name,
        split=task.split,
        cities=sorted(test.queries["city"].unique().tolist()),
        partial=task.partial,
        label_edition=task.label_edition,
        variant=str(test.variant),
        query_count=len(test.queries),
        reference_count=len(test.references),
        fingerprint=test.fingerprint,
        train_fingerprint=task.train.fingerprint if trained else "",
    )
