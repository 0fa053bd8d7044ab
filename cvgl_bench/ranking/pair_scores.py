"""From scores of pairs to ranks: of all references, or of the best ones that another ranking found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.ranking.outcome import Ranking

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]


def rank_scores(scores: Scores, truth: Rows, covers: Rows, *, top: int) -> Ranking:
    """Rank all references by scores (Q, R), the higher the better; ties count against the truth.

    truth: (Q,), covers: (Q, K) padded with -1, as for `rank`. top: how many of the best to keep, at most R.
    """
    rows = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    best = _best_first(scores, rows, truth, covers)[:, :top]
    return Ranking(
        *_of_truth(scores, rows, truth, covers),
        top_rows=best,
        top_scores=np.take_along_axis(scores, best, axis=1),
    )


def rerank(ranking: Ranking, scores: Scores, truth: Rows, covers: Rows) -> Ranking:
    """Re-order the best K references of each query by new scores (Q, K); those behind stay where they are.

    scores: of `ranking.top_rows[:, :K]`, in their order. A truth among the K gets its rank among them, any
    other keeps its own: whether a rank is below K, or below any number above K, never changes.
    """
    count = scores.shape[1]
    rows = ranking.top_rows[:, :count]
    rank, ties, without_covers = _of_truth(scores, rows, truth, covers)
    within = ranking.rank < count  # among equal first scores the truth comes last in `top_rows`
    order = _best_first(scores, rows, truth, covers)
    top_rows, top_scores = ranking.top_rows.copy(), ranking.top_scores.copy()
    top_rows[:, :count] = np.take_along_axis(rows, order, axis=1)
    top_scores[:, :count] = np.take_along_axis(scores, order, axis=1)
    return Ranking(
        rank=np.where(within, rank, ranking.rank),
        # Of those that scored like a truth behind the K, the ones among the K are now before it.
        ties=np.where(within, ties, np.minimum(ranking.ties, ranking.rank - count)),
        rank_without_covers=np.where(within, without_covers, ranking.rank_without_covers),
        top_rows=top_rows,
        top_scores=top_scores,
    )


def _of_truth(scores: Scores, rows: Rows, truth: Rows, covers: Rows) -> tuple[Rows, Rows, Rows]:
    """Return rank, ties and rank without covers of a truth that is among the rows, each (Q,)."""
    is_truth = rows == truth[:, None]
    own = np.where(is_truth, scores, -np.inf).max(axis=1)[:, None]
    before = (scores >= own) & ~is_truth
    ties = (scores == own) & ~is_truth
    of_others = before & ~_among(rows, covers)
    rank, tied, without_covers = (each.sum(axis=1, dtype=np.int64) for each in (before, ties, of_others))
    return rank, tied, without_covers


def _best_first(scores: Scores, rows: Rows, truth: Rows, covers: Rows) -> Rows:
    """Return columns (Q, K), best score first; of equal ones the truth last, then covers, then by row."""
    kinds = _among(rows, covers) + 2 * (rows == truth[:, None])
    return np.lexsort((rows, kinds, -scores), axis=1)


def _among(rows: Rows, covers: Rows) -> NDArray[np.bool_]:
    """Return (Q, K), whether a row is one of its query's covers."""
    found = np.zeros(rows.shape, np.bool_)
    for column in covers.T:
        found |= rows == column[:, None]
    return found
