"""The one evaluation: embeddings of a test split to a ranking, an outcome, and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
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
from cvgl_bench.evaluation.pairs import Scorer
from cvgl_bench.evaluation.positions import position_errors
from cvgl_bench.evaluation.reranking import Reranker, rank_pairs, require_rerankable, rerank_split
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.method import Locates, Method, PairMethod
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
    reranker: Reranker | None = None,
    seconds: dict[str, float] | None = None,
) -> Outcome:
    """Rank every reference of `split` for every query; add position errors if the method locates.

    store: where embeddings are taken from and put; None embeds into memory, as all processes but the first
    do. reranker: what `options.rerank` names; the seconds it took are put into `seconds` as 'rerank'. Every
    process gets the whole outcome, the same as in one process.
    """
    if (options.rerank != "none") != (reranker is not None):
        raise UsageError(f"evaluation.rerank is '{options.rerank}', which does not fit the re-ranker given.")
    if reranker is None:
        ranking, extra = _first_look(method, network, split, options=options, place=place, store=store)
    else:
        require_rerankable(split, options)
        wider = replace(options, top=max(options.top, options.rerank_top))
        ranking, extra = _first_look(method, network, split, options=wider, place=place, store=store)
        scorer, began = _scorer(reranker, options, place), time.perf_counter()
        ranking, before = rerank_split(ranking, scorer, split, options=options, group=place.group)
        extra |= before
        if seconds is not None:
            seconds["rerank"] = time.perf_counter() - began
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


def _first_look(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    options: EvaluationOptions,
    place: Place,
    store: EmbeddingStore | None,
) -> tuple[Ranking, dict[str, NDArray[np.float64]]]:
    """Rank all references by embeddings, or by the scores of all pairs where the method gives those."""
    if isinstance(method, PairMethod):
        scorer = _scorer(Reranker(method, network), options, place)
        return rank_pairs(scorer, split, top=options.top, group=place.group), {}
    queries, references = _embedded(method, network, split, options=options, place=place, store=store)
    return _rank(queries, references, split, options=options, place=place)


def _embedded(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    options: EvaluationOptions,
    place: Place,
    store: EmbeddingStore | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the embeddings of queries and references, from the store where they are there."""
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
    return queries, references


def _scorer(scoring: Reranker, options: EvaluationOptions, place: Place) -> Scorer:
    return Scorer(
        *scoring,
        device=place.device,
        batch_size=options.embed_batch_size,
        workers=place.workers,
        decode=options.decode,
    )


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
