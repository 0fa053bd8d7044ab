"""Ranks by scores of pairs: ties against the method, and nothing moves across the border of the best K."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvgl_bench.ranking import Ranking
from cvgl_bench.ranking.pair_scores import rank_scores, rerank


def scored(*lines):
    return np.array(lines, np.float32)


def rows(*lines):
    return np.array(lines, np.int64)


def test_ties_count_against_the_truth_and_then_the_covers():
    scores = scored([0.5, 0.9, 0.5, 0.5, 0.1])
    found = rank_scores(scores, rows(0)[0:1], rows([2, -1, 2]), top=4)
    assert (found.rank[0], found.ties[0], found.rank_without_covers[0]) == (3, 2, 2)
    assert found.top_rows.tolist() == [[1, 3, 2, 0]]
    assert found.top_scores.tolist() == scored([0.9, 0.5, 0.5, 0.5]).tolist()


def ranking_of(scores, truth, covers, *, top):
    return rank_scores(scores, truth, covers, top=top)


def plain_rank(scores, candidates, truth):
    """Return the rank and the ties of a truth among candidates, one after the other."""
    own = scores[list(candidates).index(truth)]
    others = [score for row, score in zip(candidates, scores, strict=True) if row != truth]
    return sum(score >= own for score in others), sum(score == own for score in others)


@st.composite
def galleries(draw):
    """Few score levels, so that ties are common, also across the border of the best K."""
    queries, references = draw(st.integers(1, 4)), draw(st.integers(3, 8))
    count = draw(st.integers(2, references))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    first = rng.integers(0, 3, (queries, references)).astype(np.float32)
    second = rng.integers(0, 3, (queries, count)).astype(np.float32)
    truth = rng.integers(0, references, queries)
    covers = rng.integers(-1, references, (queries, 2))
    covers[covers == truth[:, None]] = -1
    return first, second, truth, covers, count


@given(galleries())
def test_reranking_orders_the_best_and_leaves_the_rest(gallery):
    first, second, truth, covers, count = gallery
    top = first.shape[1]
    before = ranking_of(first, truth, covers, top=top)
    after = rerank(before, second, truth, covers)
    for k in range(count, top + 1):
        np.testing.assert_array_equal(after.rank < k, before.rank < k)
    np.testing.assert_array_equal(after.top_rows[:, count:], before.top_rows[:, count:])
    for q, candidates in enumerate(before.top_rows[:, :count]):
        assert sorted(after.top_rows[q, :count]) == sorted(candidates)
        assert list(after.top_scores[q, :count]) == sorted(second[q], reverse=True)
        scores = dict(zip(candidates, second[q], strict=True))
        assert [scores[row] for row in after.top_rows[q, :count]] == list(after.top_scores[q, :count])
        if truth[q] in candidates:
            assert (after.rank[q], after.ties[q]) == plain_rank(second[q], candidates, truth[q])
            assert after.top_rows[q, after.rank[q]] == truth[q]
            own = after.top_rows[q, : after.rank[q]]
            assert after.rank_without_covers[q] == sum(row not in covers[q] for row in own)
        else:
            assert after.rank[q] == before.rank[q]
            assert after.rank_without_covers[q] == before.rank_without_covers[q]
            behind = before.top_rows[q, count:]
            own = first[q, truth[q]]
            assert after.ties[q] == sum(first[q, row] == own for row in behind if row != truth[q])


def test_equal_new_scores_put_a_truth_last_among_the_best():
    before = Ranking(*(np.zeros(1, np.int64),) * 3, rows([4, 2, 7, 1]), scored([0.9, 0.8, 0.7, 0.6]))
    after = rerank(before, scored([1.0, 1.0, 1.0]), np.array([4]), rows([2]))
    assert (after.rank[0], after.ties[0], after.rank_without_covers[0]) == (2, 2, 1)
    assert after.top_rows.tolist() == [[7, 2, 4, 1]]


@pytest.mark.parametrize("top", [1, 3])
def test_the_best_are_as_many_as_asked_for(top):
    found = rank_scores(scored([0.1, 0.3, 0.2]), np.array([0]), np.empty((1, 0), np.int64), top=top)
    assert found.top_rows.tolist() == [[1, 2, 0][:top]]
