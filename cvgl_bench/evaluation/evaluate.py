"""The one evaluation: embeddings of a test split to a ranking, an outcome, and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cvgl_bench.data.splits import Split
from cvgl_bench.embedding.images import autocast_type, embed_split
from cvgl_bench.embedding.keys import machine_facts, method_facts
from cvgl_bench.embedding.store import EmbeddingStore
from cvgl_bench.evaluation.many_truths import rank_split
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.positions import position_errors
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.method import Locates, Method
from cvgl_bench.ranking import Outcome, Ranking, outcome
from cvgl_bench.scoring.metrics import Metric
from cvgl_bench.scoring.results import Metrics
from cvgl_bench.scoring.statistics import decentrality_numbers, summarise

MAIN_METRIC = "recall@1"
"""The metric whose dependence on decentrality a result sums up."""


@dataclass(frozen=True)
class Place:
    """Where to compute: the device, the number of worker processes, and the processes that share the work."""

    device: torch.device
    workers: int
    group: ProcessGroup = ALONE


def evaluate(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    options: EvaluationOptions,
    place: Place,
    locate: bool = True,
    store: EmbeddingStore | None = None,
) -> Outcome:
    """Rank every reference of `split` for every query; add position errors if the method locates.

    store: where embeddings are taken from and put; None embeds into memory, as all processes but the first
    do. Every process gets the whole outcome, the same as in one process.
    """
    embed = partial(
        embed_split,
        method,
        network,
        split,
        device=place.device,
        batch_size=options.embed_batch_size,
        workers=place.workers,
        mixed_precision=options.embed_precision,
        group=place.group,
        decode=options.decode,
    )
    # Without images, embedding is quicker than reading, and need not follow from the weights.
    if store is not None and method.needs_images:
        precision = autocast_type(options.embed_precision, place.device)
        machine = machine_facts(place.device, precision, options.embed_batch_size)
        facts = {**method_facts(method, network), **machine, "decode": options.decode}
        embed = partial(store.embed, embed, facts, split, group=place.group)
    references, queries = embed(view="reference"), embed(view="query")
    ranking, extra = _rank(queries, references, split, options=options, place=place)
    placed = split.has_coordinates and split.has_scale
    if locate and placed and isinstance(method, Locates) and method.can_locate:
        extra |= position_errors(
            method,
            network,
            split,
            retrieved=ranking.top_rows[:, 0],
            device=place.device,
            batch_size=options.embed_batch_size,
            workers=place.workers,
            group=place.group,
            decode=options.decode,
        )
    return outcome(ranking, split, extra=extra)


def _rank(
    queries: NDArray[np.float32],
    references: NDArray[np.float32],
    split: Split,
    *,
    options: EvaluationOptions,
    place: Place,
) -> tuple[Ranking, dict[str, NDArray[np.float64]]]:
    """Rank all references for each process's share of the queries, and put the shares together."""
    own = place.group.share(len(split))
    parts = []
    if own.start < own.stop:
        ranked = rank_split(
            queries[own],
            references,
            split.of_queries(own),
            top=options.top,
            precision=options.rank_precision,
            device=place.device,
        )
        parts.append(ranked)
    found = [part for others in place.group.collect(parts) for part in others]
    if len(found) == 1:
        return found[0]
    names = [field.name for field in fields(Ranking)]
    columns = ([getattr(ranking, name) for ranking, _ in found] for name in names)
    extra = {name: np.concatenate([more[name] for _, more in found]) for name in found[0][1]}
    return Ranking(*map(np.concatenate, columns)), extra


@dataclass(frozen=True)
class Scores:
    """Every metric of an outcome with its interval, its unit, and what a curve sums up to."""

    metrics: Metrics
    units: dict[str, str]
    summary: dict[str, float | None]


def score(found: Outcome, metrics: Mapping[str, Metric], *, edges: tuple[float, ...]) -> Scores:
    """Return every metric of an outcome, overall and by stratum, with intervals."""
    scored = summarise(found, list(metrics.values()), edges=edges)
    return Scores(
        metrics=scored,
        units={id: metrics[id].unit for id in scored.overall},
        summary=decentrality_numbers(found, metrics[MAIN_METRIC], edges=edges),
    )
