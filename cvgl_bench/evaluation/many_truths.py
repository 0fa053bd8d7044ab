"""Ranks on a split whose queries may have several true references, and their average precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.splits import Split
from cvgl_bench.ranking import Ranking, rank
from cvgl_bench.ranking.rows import Embeddings

PAIRS_AT_ONCE = 65536
"""Pairs of a query and a true reference that are ranked together; their queries are held in memory."""

AVERAGE_PRECISION = "average_precision"
"""The extra column of splits whose queries have several true references."""

NEVER = np.iinfo(np.int64).max


def rank_split(
    query_embeddings: Embeddings, reference_embeddings: Embeddings, split: Split, *, top: int, **settings: Any
) -> tuple[Ranking, dict[str, NDArray[np.float64]]]:
    """Return the ranking of a split and the columns that it adds to the outcome.

    Where a query has several true references the ranks and ties are those of the best of them, counted
    among the references that are not true, and the added column is its average precision. settings: as
    for `rank`.
    """
    top = min(top, len(reference_embeddings))
    ranking = rank(query_embeddings, reference_embeddings, split.truth, split.covers, top=top, **settings)
    if not split.also_true.shape[1]:
        return ranking, {}
    settings.pop("progress", None)
    parts = []
    for rows in np.array_split(np.arange(len(split)), -(-split.truths.size // PAIRS_AT_ONCE)):
        truths = split.truths[rows]
        query, column = np.nonzero(truths >= 0)
        pairs = rank(
            query_embeddings[rows[query]],
            reference_embeddings,
            truths[query, column],
            split.covers[rows[query]],
            top=1,
            **settings,
        )
        ranks = [np.full(truths.shape, NEVER) for _ in range(3)]
        for table, values in zip(ranks, (pairs.rank, pairs.ties, pairs.rank_without_covers), strict=True):
            table[query, column] = values
        parts.append(_of_the_best(*ranks))
    best, ties, without_covers, precision = (np.concatenate(column) for column in zip(*parts, strict=True))
    found = Ranking(best, ties, without_covers, ranking.top_rows, ranking.top_scores)
    return found, {AVERAGE_PRECISION: precision}


def _of_the_best(
    ranks: NDArray[np.int64], ties: NDArray[np.int64], without_covers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return each query's rank, ties and rank without covers, of its best truth, and average precision.

    All are (Q, T), of each true reference among all others, the true ones included; NEVER where there is
    none. Equal ranks are equal scores.
    """
    there = ranks < NEVER
    among = ranks[:, None, :]
    others_before = ((among <= ranks[:, :, None]) & there[:, None, :]).sum(axis=2) - 1
    others_tied = ((among == ranks[:, :, None]) & there[:, None, :]).sum(axis=2) - 1
    errors = np.where(there, ranks - others_before, NEVER)
    best = errors.argmin(axis=1)[:, None]

    def of_best(table: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.take_along_axis(table, best, axis=1)[:, 0]

    return (
        of_best(errors),
        of_best(ties - others_tied),
        of_best(without_covers - others_before),
        average_precision(errors),
    )


def average_precision(errors: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area under each query's precision over recall, by trapezoids.

    errors: (Q, T), of each true reference the references that are not true and score at least as high,
    in any order; the largest int64 where there is none.
    Source: University-1652 (ACM MM 2020), whose evaluation takes precision before and after each match.

    >>> average_precision(np.array([[0, 0], [1, 0], [1, NEVER]])).round(4)
    array([1.    , 0.7917, 0.25  ])
    """
    ordered = np.sort(errors, axis=1)
    there = ordered < NEVER
    number = np.arange(errors.shape[1])
    place = np.where(there, ordered, 0) + number
    before = np.where(place > 0, number / np.maximum(place, 1), 1.0)
    after = (number + 1) / (place + 1)
    return ((before + after) / 2 * there).sum(axis=1) / there.sum(axis=1)
