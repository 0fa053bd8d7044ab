"""The record of a run: what was run on what, with what, and what came out."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from typing import Any

import numpy as np

from cvgl_bench.data.splits import Task
from cvgl_bench.embedding import provenance
from cvgl_bench.evaluation.evaluate import Scores
from cvgl_bench.evaluation.reranking import RANK_BEFORE
from cvgl_bench.method import Method
from cvgl_bench.networks.checkpoints import file_sha256
from cvgl_bench.ranking import Outcome
from cvgl_bench.running.folder import WEIGHTS
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.run import Run
from cvgl_bench.scoring.results import MethodRecord, RerankingRecord, Result, Selection, TaskRecord


def run_record(
    run: Run,
    environment: dict[str, Any],
    *,
    found: Outcome,
    scored: Scores,
    selection: Selection,
    seconds: dict[str, float],
) -> Result:
    """Return the record of a run whose weights, where it trained any, are in its folder."""
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
        method=method_record(run.method, run.plugins),
        reranking=reranking_record(run, found, seconds.get("rerank", 0.0)),
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


def method_record(method: Method, plugins: Offers) -> MethodRecord:
    """Return what a record says of a method."""
    origin = plugins.methods.entry(method.name).origin
    return MethodRecord(
        name=method.name, title=method.title, distribution=origin.distribution, version=origin.version
    )


def reranking_record(run: Run, found: Outcome, seconds: float) -> RerankingRecord | None:
    """Return what re-ranking changed, in an outcome that holds the ranks before it; None without any."""
    if run.reranker is None:
        return None
    top = run.options.evaluation.rerank_top
    first, second = found.extra[RANK_BEFORE], found.ranking.rank
    before, after, most = (float(np.mean(hit)) for hit in (first == 0, second == 0, first < top))
    return RerankingRecord(
        method=method_record(run.reranker, run.plugins),
        options=dataclasses.asdict(run.reranker.options),
        top=top,
        recall_before=before,
        recall_after=after,
        recall_of_top=most,
        recovered=(after - before) / (most - before) if most > before else None,
        gained=int(np.sum((first > 0) & (second == 0))),
        lost=int(np.sum((first == 0) & (second > 0))),
        ms_per_query=round(1000 * seconds / len(found), 3),
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
