"""Curves over decentrality and the numbers that sum them up."""

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.scoring.statistics import decentrality_curve, decentrality_numbers

BY_ID = {metric.id: metric for metric in METRICS}
RECALL = BY_ID["recall@1"]
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.fixture
def falling(make_outcome):
    """Recall falls linearly from 1 at the centre to 0.2 at the corner."""
    generator = np.random.default_rng(0)
    decentrality = generator.random(20_000)
    rank = (generator.random(20_000) > 1 - 0.8 * decentrality).astype(int)
    return make_outcome(rank, decentrality=decentrality, references=20_000)


def test_curve_follows_the_recall_in_its_band(falling):
    curve = decentrality_curve([falling], RECALL)
    assert list(curve.columns) == ["decentrality", "value", "low", "high"]
    x = curve["decentrality"].to_numpy()
    assert x[0] == 0 and x[-1] == pytest.approx(1) and (np.diff(x) > 0).all()
    inner = (x > 0.1) & (x < 0.9)
    np.testing.assert_allclose(curve["value"][inner], (1 - 0.8 * x)[inner], atol=0.02)
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).all()
    held = (curve["low"] <= 1 - 0.8 * x) & (1 - 0.8 * x <= curve["high"])
    assert held[inner].mean() > 0.8


def test_curve_of_several_seeds_is_their_mean(make_outcome):
    decentrality = np.linspace(0, 1, 1000)
    hits, misses = (make_outcome(np.full(1000, rank), decentrality=decentrality) for rank in (0, 3))
    curve = decentrality_curve([hits, misses, misses, misses], RECALL)
    np.testing.assert_allclose(curve["value"], 0.25)


def test_the_band_includes_the_spread_between_seeds(falling, make_outcome):
    """Seeds that answer alike leave the band as it is; those that do not widen it."""
    alone, alike = (decentrality_curve([falling] * count, RECALL) for count in (1, 3))
    np.testing.assert_allclose(alike["high"], alone["high"], atol=1e-9)
    fewer = make_outcome(
        np.where(np.arange(len(falling)) % 5, falling.ranking.rank, 1),
        decentrality=falling.decentrality,
        references=20_000,
    )
    apart = decentrality_curve([falling, fewer, fewer], RECALL)
    assert ((apart["high"] - apart["low"]) > 3 * (alone["high"] - alone["low"]))[:30].all()


def test_the_curve_is_not_drawn_inwards_at_its_ends(falling):
    """A weighted mean of a line is 0.04 off at both ends; a local line is right."""
    line = Metric(id="line", per_query=lambda outcome: 1 - outcome.decentrality)
    curve = decentrality_curve([falling], line)
    np.testing.assert_allclose(curve["value"], 1 - curve["decentrality"], atol=0.002)


def test_curve_against_metres_to_the_border(make_outcome):
    border_m = np.random.default_rng(0).uniform(0, 30, 6000)
    rank = np.where(np.random.default_rng(1).random(6000) < border_m / 30, 0, 1)
    outcome = make_outcome(rank, border_m=border_m, references=6000)
    curve = decentrality_curve([outcome], RECALL, axis="border_m")
    assert list(curve.columns) == ["border_m", "value", "low", "high"]
    assert curve["border_m"].iloc[-1] == pytest.approx(30, abs=0.1)
    np.testing.assert_allclose(curve["value"], curve["border_m"] / 30, atol=0.08)


def test_curve_stops_where_no_queries_are(make_outcome):
    outcome = make_outcome(np.zeros(500), decentrality=np.linspace(0.3, 0.5, 500))
    curve = decentrality_curve([outcome], RECALL)
    assert curve["decentrality"].max() <= 0.5 and curve["decentrality"].min() > 0.15
    np.testing.assert_allclose(curve["value"], 1)
    assert len(decentrality_curve([make_outcome([0, 1])], RECALL)) == 0


def test_numbers_of_a_falling_recall(falling):
    found = decentrality_numbers(falling, RECALL, edges=EDGES)
    assert found["auc_decentrality"] == pytest.approx(0.6, abs=0.02)
    assert found["edge_drop"] == pytest.approx(0.64, abs=0.03)


def test_numbers_of_a_perfect_method(make_outcome):
    outcome = make_outcome(np.zeros(400), decentrality=np.linspace(0, 0.55, 400))
    found = decentrality_numbers(outcome, RECALL, edges=EDGES)
    assert found.pop("decentrality_to") == pytest.approx(0.56)
    assert found.pop("decentrality_from") == found.pop("edge_drop") == 0
    assert found == pytest.approx({"auc_decentrality": 1.0, "auc_decentrality_half": 1.0})


def test_the_area_to_one_half_is_the_same_whatever_the_range(make_outcome, falling):
    """The same curve over the whole range and over that of half-overlapping tiles."""
    inner = falling.decentrality < 0.62
    narrow = make_outcome(
        falling.ranking.rank[inner], decentrality=falling.decentrality[inner], references=20_000
    )
    whole, part = (decentrality_numbers(each, RECALL, edges=EDGES) for each in (falling, narrow))
    assert part["auc_decentrality"] - whole["auc_decentrality"] > 0.1
    assert part["auc_decentrality_half"] == pytest.approx(whole["auc_decentrality_half"], abs=0.003)
    assert part["auc_decentrality_half"] == pytest.approx(0.8, abs=0.02)
    assert part["decentrality_to"] == pytest.approx(0.62) and whole["decentrality_to"] == 1


def test_the_area_to_one_half_needs_queries_up_to_there(make_outcome):
    outcome = make_outcome(np.zeros(400), decentrality=np.linspace(0, 0.4, 400))
    found = decentrality_numbers(outcome, RECALL, edges=EDGES)
    assert found["auc_decentrality"] == pytest.approx(1) and found["auc_decentrality_half"] is None


def test_thin_bins_do_not_count(make_outcome):
    """Nineteen lucky queries at the edge are not an edge bin."""
    decentrality = np.concatenate([np.full(50, 0.1), np.full(50, 0.5), np.full(19, 0.9)])
    rank = np.repeat([0, 3, 0], [50, 50, 19])
    outcome = make_outcome(rank, decentrality=decentrality)
    assert decentrality_numbers(outcome, RECALL, edges=EDGES)["edge_drop"] == 1


def test_nothing_known_gives_none(make_outcome):
    outcome = make_outcome(np.zeros(50), decentrality=np.full(50, np.nan))
    assert set(decentrality_numbers(outcome, RECALL, edges=EDGES).values()) == {None}


def test_medians_have_no_curve(falling):
    with pytest.raises(UsageError, match="median"):
        decentrality_curve([falling], BY_ID["median_distance_m"])
