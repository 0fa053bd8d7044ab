"""Which queries the page shows."""

import numpy as np

from cvgl_bench.report.page.gallery import CARDS_A_KIND, chosen, found_by_one, near_misses


def test_worst_best_and_random_queries(make_outcome):
    rank = np.arange(20)[::-1].copy()
    rank[[3, 5]] = 0
    outcome = make_outcome(rank)
    outcome.ranking.top_scores[5] = [0.95, 0.1]
    rows = chosen(outcome, seed=0)
    assert rows["worst"].tolist() == [0, 1, 2, 4, 6, 7]
    assert rows["best"].tolist() == [5, 3, 19]
    assert len(set(rows["random"].tolist())) == CARDS_A_KIND
    assert rows["random"].tolist() == chosen(outcome, seed=0)["random"].tolist()
    assert rows["random"].tolist() != chosen(outcome, seed=1)["random"].tolist()


def test_near_misses_are_wrong_and_near_the_nearest_first(make_outcome):
    outcome = make_outcome([0, 1, 1, 1, 2], distance_m=np.array([5.0, 50.0, 50.1, 20.0, np.nan]))
    assert near_misses(outcome).tolist() == [3, 1]


def test_a_tie_with_the_truth_first_is_no_near_miss(make_outcome):
    outcome = make_outcome([1, 1], distance_m=np.array([5.0, 6.0]))
    outcome.ranking.top_rows[0, 0] = outcome.truth[0]
    assert near_misses(outcome).tolist() == [1]


def test_queries_that_one_run_alone_finds(make_outcome):
    outcomes = {
        "a": make_outcome([0, 0, 0, 7, 0]),
        "b": make_outcome([4, 0, 9, 0, 2]),
        "c": make_outcome([3, 1, 8, 5, 9]),
    }
    found = found_by_one(outcomes)
    assert {name: rows.tolist() for name, rows in found.items()} == {"a": [2, 0, 4], "b": [3], "c": []}
    assert found_by_one({"a": outcomes["a"]})["a"].tolist() == []


def test_fewer_queries_than_cards(make_outcome):
    rows = chosen(make_outcome([0, 3]), seed=0)
    assert {kind: len(found) for kind, found in rows.items()} == {
        "worst": 2,
        "best": 1,
        "near": 0,
        "random": 2,
    }
