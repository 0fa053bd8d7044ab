"""Several true references a query, against a ranking written plainly."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvgl_bench.data.splits import Split
from cvgl_bench.evaluation import many_truths
from cvgl_bench.evaluation.many_truths import rank_split
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.ranking import outcome, rank
from cvgl_bench.scoring.metrics import covered_at_1


def split_of(truths, references, *, covers=None):
    def table(count):
        names = [f"p{n}" for n in range(count)]
        return pd.DataFrame({"path": names, "name": names}).assign(city="Aa", lat=np.nan, lon=np.nan)

    truths = np.asarray(truths)
    count = len(truths)
    return Split(
        "test",
        Path(),
        table(references).assign(height_px=8, width_px=8, m_per_px=np.nan),
        table(count),
        truths[:, 0],
        np.empty((count, 0), np.int64) if covers is None else covers,
        np.full((count, 2), np.nan),
        also_true=truths[:, 1:],
    )


def plainly(scores, truths, covers):
    """Return rank, rank without covers and average precision of one query; ties count against it."""
    true = [row for row in truths if row >= 0]
    others = [row for row in range(len(scores)) if row not in true]
    before = sorted((sum(scores[o] >= scores[t] for o in others), t) for t in true)
    _, best = before[0]
    uncovered = sum(scores[o] >= scores[best] for o in others if o not in covers)
    area = 0.0
    for number, (errors, _) in enumerate(before):
        place = number + errors
        area += ((number / place if place else 1.0) + (number + 1) / (place + 1)) / 2
    return before[0][0], uncovered, area / len(true)


def worlds():
    generator = np.random.default_rng(3)
    truths = np.stack([generator.permutation(30)[:6] for _ in range(40)])
    for row in truths:
        row[generator.integers(1, 7) :] = -1
    covers = np.stack(
        [generator.choice(np.setdiff1d(np.arange(30), row), 3, replace=False) for row in truths]
    )
    return generator, truths, covers


@pytest.mark.parametrize("at_once", [7, 10_000])
@pytest.mark.parametrize("tied", [False, True])
def test_ranks_are_those_of_the_best_truth_and_average_precision_is_the_area(monkeypatch, tied, at_once):
    monkeypatch.setattr(many_truths, "PAIRS_AT_ONCE", at_once)
    generator, truths, covers = worlds()
    # Few different vectors of exact products make many ties.
    draw = (
        (lambda n: np.eye(8)[generator.integers(0, 8, n)])
        if tied
        else (lambda n: generator.normal(size=(n, 8)))
    )
    queries, references = draw(40).astype(np.float32), draw(30).astype(np.float32)
    split = split_of(truths, 30, covers=covers)
    ranking, extra = rank_split(queries, references, split, top=5)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, references)]
    expected = [plainly(*row) for row in zip(unit[0] @ unit[1].T, truths, covers, strict=True)]
    best, uncovered, precision = (np.array(column) for column in zip(*expected, strict=True))
    np.testing.assert_array_equal(ranking.rank, best)
    np.testing.assert_array_equal(ranking.rank_without_covers, uncovered)
    np.testing.assert_allclose(extra["average_precision"], precision)
    assert (ranking.ties <= ranking.rank).all() and (ranking.ties > 0).any() == tied
    found = outcome(ranking, split, extra=extra)
    assert (covered_at_1(found) >= (best == 0)).all()


def test_one_truth_a_query_is_ranked_as_ever_and_adds_nothing():
    generator = np.random.default_rng(0)
    queries, references = generator.normal(size=(9, 4)), generator.normal(size=(20, 4))
    split = split_of(np.arange(9)[:, None], 20)
    ranking, extra = rank_split(queries, references, split, top=3)
    plain = rank(queries, references, split.truth, split.covers, top=3)
    np.testing.assert_array_equal(ranking.rank, plain.rank)
    assert extra == {}


@pytest.mark.parametrize(
    "truths, fault",
    [
        ([[0, 0]], "a true reference of query 'p0' is named twice"),
        ([[0, 9]], "a further true reference is not among the references"),
    ],
)
def test_further_truths_that_cannot_be_are_refused(truths, fault):
    with pytest.raises(DataError, match=fault):
        split_of(truths, 5)
