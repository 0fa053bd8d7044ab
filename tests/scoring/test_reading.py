"""What chance reaches, held against orders drawn at random; and metrics that are one by construction."""

import doctest

import numpy as np
import pytest

from cvgl_bench.scoring import reading
from cvgl_bench.scoring.metrics import METRICS, values_per_query
from cvgl_bench.scoring.reading import by_chance, repeated

REFERENCES, QUERIES = 250, 20_000
BY_ID = {metric.id: metric for metric in METRICS}


@pytest.fixture
def random_outcome(make_outcome):
    """Return an outcome of scores drawn at random, its queries with no, one, two and three covers in turn."""
    scores = np.random.default_rng(0).random((QUERIES, REFERENCES), np.float32)
    covers = np.where(np.arange(1, 4) <= np.arange(QUERIES)[:, None] % 4, np.arange(1, 4), -1)
    truth = np.zeros(QUERIES, np.int64)
    others = scores.copy()
    for column in range(3):
        rows = np.flatnonzero(covers[:, column] >= 0)
        others[rows, covers[rows, column]] = -1
    outcome = make_outcome(
        (scores > scores[:, :1]).sum(axis=1), references=REFERENCES, truth=truth, covers=covers
    )
    outcome.ranking.rank_without_covers[:] = (others > scores[:, :1]).sum(axis=1)
    outcome.ranking.top_rows[:, 0] = scores.argmax(axis=1)
    return outcome


def test_shares_by_chance_are_those_of_random_orders(random_outcome):
    expected = by_chance(random_outcome)
    assert set(expected) == {id for id in BY_ID if id.startswith("recall@") and "100m" not in id} | {
        "hit_rate",
        "covered@1",
    }
    for id, share in expected.items():
        found = values_per_query(BY_ID[id], random_outcome).mean()
        # Four standard errors of a share of so many queries.
        assert found == pytest.approx(share, abs=4 * (share / QUERIES) ** 0.5), id


def test_covers_raise_what_chance_reaches(random_outcome):
    expected = by_chance(random_outcome)
    assert (
        expected["recall@1"] < expected["hit_rate"] < expected["covered@1"] == pytest.approx(2.5 / REFERENCES)
    )


def test_nothing_is_said_of_several_true_references(make_outcome):
    assert by_chance(make_outcome([0, 1], extra={"average_precision": np.ones(2)})) == {}


def test_a_per_cent_that_is_no_reference_has_no_chance(make_outcome):
    expected = by_chance(make_outcome([0, 1], references=50))
    assert "recall@1%" not in expected and expected["recall@10"] == 0.2


def test_metrics_that_are_another_by_construction_have_its_values(make_outcome):
    for references in (60, 150, 550, 999, 1000, 1099, 1100):
        outcome = make_outcome(np.arange(40), references=references)
        values = {
            id: values_per_query(metric, outcome) for id, metric in BY_ID.items() if id.startswith("recall@1")
        }
        for id, other in repeated(BY_ID, references).items():
            np.testing.assert_array_equal(values[id], values_per_query(BY_ID[other], outcome))
    assert repeated(BY_ID, 1000) == {"recall@1%": "recall@10"}
    assert repeated(BY_ID, 1100) == repeated(["recall@10"], 1000) == {}


def test_the_examples_hold():
    assert doctest.testmod(reading).failed == 0
