"""The built-in metrics on outcomes made by hand, by chance, and by plain loops."""

import dataclasses
import doctest

import numpy as np
import pytest

from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import PluginError
from cvgl_bench.scoring import metrics as module
from cvgl_bench.scoring.arrays import score
from cvgl_bench.scoring.metrics import METRICS, Metric, reported, values_per_query
from cvgl_bench.scoring.statistics.intervals import wilson

BY_ID = {metric.id: metric for metric in METRICS}
SHARES = [metric for metric in METRICS if metric.unit == "%" and metric.id != "AP"]
"""Of every split; AP, which needs several true references, is held by tests/ranking/test_many_truths.py."""
RECALLS = [metric for metric in SHARES if metric.id != "recall@1_100m"]


def unit(shape, seed):
    rows = np.random.default_rng(seed).standard_normal(shape)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_covers(seed, queries=400, references=150, noise=0.35):
    """Return the arguments of `score`: covers look much like their query, as neighbouring tiles do."""
    generator = np.random.default_rng(seed)
    places = unit((references, 16), seed)
    truth = generator.integers(references, size=queries)
    covers = np.stack([(truth + step) % references for step in (1, 2, 3)], axis=1)
    covers[generator.random(covers.shape) < 0.2] = -1
    seen = places[truth] + 0.7 * places[covers[:, 0]] + noise * generator.standard_normal((queries, 16))
    lat_lon = generator.uniform(-0.002, 0.002, (references, 2))
    return dict(
        query_embeddings=seen.astype(np.float32),
        reference_embeddings=places.astype(np.float32),
        truth=truth,
        covers=covers,
        query_lat_lon=lat_lon[truth],
        reference_lat_lon=lat_lon,
    )


def test_doctests():
    found = doctest.testmod(module)
    assert found.attempted >= 8 and found.failed == 0


def test_ids_are_unique_and_titled():
    assert len(BY_ID) == len(METRICS)
    assert all(metric.title for metric in METRICS)


def test_published_definitions_by_plain_loops():
    """Counts strictly greater scores, as published code does, on scores without ties."""
    case = with_covers(1)
    outcome, _ = score(**case)
    queries = case["query_embeddings"] / np.linalg.norm(case["query_embeddings"], axis=1, keepdims=True)
    scores = queries.astype(float) @ case["reference_embeddings"].astype(float).T
    expected = {
        id: []
        for id in ("recall@1", "recall@5", "recall@10", "recall@1%", "recall@1%+1", "hit_rate", "covered@1")
    }
    expected["recall@1_100m"] = []
    places = zip(case["query_lat_lon"], case["truth"], strict=True)
    for row, (place, truth) in zip(scores, places, strict=True):
        best = case["reference_lat_lon"][np.argmax(row)]
        expected["recall@1_100m"].append(geo.geodesic_m(*place, *best) <= 100)
        above = sum(s > row[truth] for s in row)
        covers = [c for c in case["covers"][len(expected["recall@1"])] if c >= 0]
        for k in (1, 5, 10):
            expected[f"recall@{k}"].append(above < k)
        expected["recall@1%"].append(above < len(row) // 100)
        expected["recall@1%+1"].append(above < int(0.01 * len(row)) + 1)
        others = [s for r, s in enumerate(row) if r != truth and r not in covers]
        expected["hit_rate"].append(not any(s > row[truth] for s in others))
        expected["covered@1"].append(int(np.argmax(row)) in [truth, *covers])
    assert set(expected) == {metric.id for metric in SHARES}, "every published share is here"
    for id, values in expected.items():
        np.testing.assert_array_equal(values_per_query(BY_ID[id], outcome), values, err_msg=id)
        assert 0.05 < np.mean(values) < 0.999, f"{id} does not test anything"


@pytest.mark.parametrize("seed", range(5))
def test_a_hit_is_always_covered(seed):
    outcome, _ = score(**with_covers(seed))
    hit, covered = (values_per_query(BY_ID[id], outcome) for id in ("hit_rate", "covered@1"))
    first = values_per_query(BY_ID["recall@1"], outcome)
    assert (first <= hit).all() and (hit <= covered).all()
    assert hit.sum() < covered.sum(), "the two hit rates are different metrics"


@pytest.mark.parametrize("value", [1.0, -0.3])
def test_collapsed_embeddings_score_zero(value):
    case = with_covers(0)
    flat = {name: np.full_like(case[name], value) for name in ("query_embeddings", "reference_embeddings")}
    _, found = score(**{**case, **flat})
    for metric in SHARES:
        assert found.overall[metric.id].value == 0, metric.id
        assert found.overall[metric.id].low == 0


def test_chance_lies_in_its_interval():
    """Random embeddings: recall@k is binomial with k / R, and our interval holds that share."""
    queries, references = 1500, 200
    truth = np.random.default_rng(9).integers(references, size=queries)
    _, found = score(unit((queries, 32), 1), unit((references, 32), 2), truth)
    for id, k in {"recall@1": 1, "recall@5": 5, "recall@10": 10, "recall@1%": 2, "recall@1%+1": 3}.items():
        share = k / references
        deviation = np.sqrt(share * (1 - share) / queries)
        estimate = found.overall[id]
        assert abs(estimate.value - share) < 4 * deviation, id
        assert estimate.low <= share <= estimate.high, id
    low, high = wilson(found.overall["recall@1"].value * queries, queries)
    assert (
        found.overall["recall@1"].low <= low + deviation
        and found.overall["recall@1"].high >= high - deviation
    )


def test_shuffled_truth_is_chance():
    case = with_covers(3)
    true, shuffled = (
        score(**{**case, "truth": truth, "covers": None})[1].overall["recall@5"].value
        for truth in (case["truth"], np.random.default_rng(0).permutation(case["truth"]))
    )
    assert true > 0.5 and shuffled < 0.1


def test_small_galleries_have_no_percent(make_outcome):
    outcome = make_outcome([0, 3], references=99)
    assert np.isnan(values_per_query(BY_ID["recall@1%"], outcome)).all()
    assert BY_ID["recall@1%"].undefined
    np.testing.assert_array_equal(values_per_query(BY_ID["recall@1%+1"], outcome), [1, 0])


def test_distance_without_coordinates_is_undefined(make_outcome):
    outcome = make_outcome([0, 0, 4], distance_m=np.array([np.nan, 5.0, 100.5]))
    np.testing.assert_array_equal(values_per_query(BY_ID["recall@1_100m"], outcome), [np.nan, 1, 0])


def test_tie_for_the_best_is_a_miss_within_100_m(make_outcome):
    outcome = make_outcome([0, 0])
    tied = dataclasses.replace(outcome.ranking, top_scores=np.float32([[0.9, 0.9], [0.9, 0.8]]))
    outcome = dataclasses.replace(outcome, ranking=tied)
    np.testing.assert_array_equal(values_per_query(BY_ID["recall@1_100m"], outcome), [0, 1])


def test_one_query_and_one_reference():
    _, found = score(np.ones((1, 4)), np.ones((1, 4)), [0])
    assert found.overall["recall@1"].value == 1
    assert found.overall["recall@1"].low < 0.5
    assert found.overall["recall@1%"].count == 0 and found.overall["recall@1%"].value is None


def test_position_metrics_need_their_column(make_outcome):
    without = make_outcome([0, 1])
    ids = {metric.id for metric in reported(METRICS, without)}
    assert "median_position_error_m" not in ids and "recall@1" in ids
    errors = np.array([2.0, 4.0])
    having = make_outcome([0, 1], extra={"position_error_m": errors})
    ids = {metric.id for metric in reported(METRICS, having)}
    assert {"median_position_error_m", "mean_position_error_m"} <= ids
    assert "mean_centre_error_m" not in ids
    np.testing.assert_array_equal(values_per_query(BY_ID["mean_position_error_m"], having), errors)


@pytest.mark.parametrize("returned, complaint", [(np.zeros(5), "shape"), (np.array([1, np.inf]), "query 1")])
def test_broken_metric_is_named(make_outcome, returned, complaint):
    with pytest.raises(PluginError, match=complaint) as error:
        values_per_query(Metric(id="mine", per_query=lambda outcome: returned), make_outcome([0, 1]))
    assert "'mine'" in str(error.value)
