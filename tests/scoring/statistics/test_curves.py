"""Curves over decentrality and the numbers that sum them up."""

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import METRICS
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
    curve = decentrality_curve([falling], RECALL, resamples=100)
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
    curve = decentrality_curve([hits, misses, misses, misses], RECALL, resamples=10)
    np.testing.assert_allclose(curve[["value", "low", "high"]], 0.25)


def test_curve_repeats_with_its_seed(falling):
    first, again, other = (decentrality_curve([falling], RECALL, resamples=20, seed=s) for s in (1, 1, 2))
    assert first.equals(again) and not first["low"].equals(other["low"])


def test_curve_stops_where_no_queries_are(make_outcome):
    outcome = make_outcome(np.zeros(500), decentrality=np.linspace(0.3, 0.5, 500))
    curve = decentrality_curve([outcome], RECALL, resamples=10)
    assert curve["decentrality"].max() <= 0.5 and curve["decentrality"].min() > 0.15
    assert (curve["value"] == 1).all()
    assert len(decentrality_curve([make_outcome([0, 1])], RECALL)) == 0


def test_numbers_of_a_falling_recall(falling):
    found = decentrality_numbers(falling, RECALL, edges=EDGES)
    assert found["auc_decentrality"] == pytest.approx(0.6, abs=0.02)
    assert found["edge_drop"] == pytest.approx(0.64, abs=0.03)


def test_numbers_of_a_perfect_method(make_outcome):
    outcome = make_outcome(np.zeros(400), decentrality=np.linspace(0, 0.55, 400))
    assert decentrality_numbers(outcome, RECALL, edges=EDGES) == {"auc_decentrality": 1.0, "edge_drop": 0.0}


def test_thin_bins_do_not_count(make_outcome):
    """Nineteen lucky queries at the edge are not an edge bin."""
    decentrality = np.concatenate([np.full(50, 0.1), np.full(50, 0.5), np.full(19, 0.9)])
    rank = np.repeat([0, 3, 0], [50, 50, 19])
    outcome = make_outcome(rank, decentrality=decentrality)
    assert decentrality_numbers(outcome, RECALL, edges=EDGES)["edge_drop"] == 1


def test_nothing_known_gives_none(make_outcome):
    outcome = make_outcome(np.zeros(50), decentrality=np.full(50, np.nan))
    assert decentrality_numbers(outcome, RECALL, edges=EDGES) == {"auc_decentrality": None, "edge_drop": None}


def test_medians_have_no_curve(falling):
    with pytest.raises(UsageError, match="median"):
        decentrality_curve([falling], BY_ID["median_distance_m"])
