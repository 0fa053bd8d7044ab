"""Ranks by scores of pairs: the best references of another ranking re-ordered, or all references ranked."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cvgl_bench.data.splits import Split
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.pairs import Scorer
from cvgl_bench.foundation.errors import OptionError, UsageError
from cvgl_bench.foundation.group import ProcessGroup
from cvgl_bench.method import PairMethod
from cvgl_bench.ranking import Ranking
from cvgl_bench.ranking.pair_scores import rank_scores, rerank

RANK_BEFORE = "rank_before_reranking"
"""The extra column of an outcome that was re-ranked."""

MOST_PAIRS = 25_000_000
"""Pairs of a query and a reference that are scored without a first ranking: hours where one takes 1 ms."""


class Reranker(NamedTuple):
    """A method that scores pairs, and its network on the device."""

    method: PairMethod
    network: nn.Module


def require_rerankable(split: Split, options: EvaluationOptions) -> None:
    """Raise UsageError where the best references of a split cannot be re-ordered as the options say."""
    _require_one_truth(split)
    if options.rerank_top > len(split.references):
        raise OptionError(
            f"evaluation.rerank_top is {options.rerank_top}, but split '{split.name}' has only "
            f"{len(split.references)} references. Set a smaller one."
        )


def rerank_split(
    ranking: Ranking, scorer: Scorer, split: Split, *, options: EvaluationOptions, group: ProcessGroup
) -> tuple[Ranking, dict[str, NDArray[np.float64]]]:
    """Return a ranking whose best references are re-ordered, and the column of ranks before.

    Every process scores its share of the queries and gets the whole.
    """
    scores = _shared(scorer, split, ranking.top_rows[:, : options.rerank_top], group)
    again, kept = rerank(ranking, scores, split.truth, split.covers), options.top
    again = replace(again, top_rows=again.top_rows[:, :kept], top_scores=again.top_scores[:, :kept])
    return again, {RANK_BEFORE: ranking.rank.astype(np.float64)}


def rank_pairs(scorer: Scorer, split: Split, *, top: int, group: ProcessGroup) -> Ranking:
    """Rank all references of a split by the scores of all pairs.

    Raises UsageError where there are more than MOST_PAIRS.
    """
    _require_one_truth(split)
    pairs = len(split) * len(split.references)
    if pairs > MOST_PAIRS:
        name = scorer.method.name
        raise UsageError(
            f"'{name}' scores pairs, and {len(split)} queries with {len(split.references)} references are "
            f"{pairs:,}: more than the {MOST_PAIRS:,} that are scored alone. Let another method rank first: "
            f"--set evaluation.rerank={name}."
        )
    return rank_scores(_shared(scorer, split, None, group), split.truth, split.covers, top=top)


def _shared(
    scorer: Scorer, split: Split, candidates: NDArray[np.int64] | None, group: ProcessGroup
) -> NDArray[np.float32]:
    own = group.share(len(split))
    parts = []
    if own.start < own.stop:
        asked = None if candidates is None else candidates[own]
        parts.append(scorer.score(split.of_queries(own), asked, shown=group.first))
    return np.concatenate([part for others in group.collect(parts) for part in others])


def _require_one_truth(split: Split) -> None:
    if split.also_true.shape[1]:
        raise UsageError(
            f"In split '{split.name}' a query has several true references; scores of pairs are ranked for "
            "one alone. Set evaluation.rerank=none, or take a method that embeds."
        )
