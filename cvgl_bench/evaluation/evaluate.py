"""The one evaluation: embeddings of a test split to a ranking, an outcome, and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from cvgl_bench.data.splits import Split
from cvgl_bench.embedding.images import autocast_type, embed_split
from cvgl_bench.embedding.keys import machine_facts, method_facts
from cvgl_bench.embedding.store import EmbeddingStore
from cvgl_bench.evaluation.many_truths import rank_split
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.positions import position_errors
from cvgl_bench.method import Locates, Method
from cvgl_bench.ranking import Outcome, outcome
from cvgl_bench.scoring.metrics import Metric
from cvgl_bench.scoring.results import Metrics
from cvgl_bench.scoring.statistics import decentrality_numbers, summarise

MAIN_METRIC = "recall@1"
"""The metric whose dependence on decentrality a result sums up."""


@dataclass(frozen=True)
class Place:
    """Where to compute: the device and the number of worker processes."""

    device: torch.device
    workers: int


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

    store: where embeddings are taken from and put; None embeds into memory.
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
    )
    # Without images, embedding is quicker than reading, and need not follow from the weights.
    if store is not None and method.needs_images:
        precision = autocast_type(options.embed_precision, place.device)
        machine = machine_facts(place.device, precision, options.embed_batch_size)
        facts = {**method_facts(method, network), **machine}
        embed = partial(store.embed, embed, facts, split)
    references, queries = embed(view="reference"), embed(view="query")
    ranking, extra = rank_split(
        queries,
        references,
        split,
        top=options.top,
        precision=options.rank_precision,
        device=place.device,
    )
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
        )
    return outcome(ranking, split, extra=extra)


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
