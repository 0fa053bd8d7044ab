"""Every metric in every stratum."""

from dataclasses import replace

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.scoring.results import Metrics
from cvgl_bench.scoring.statistics import summarise
from cvgl_bench.scoring.statistics.intervals import wilson

EDGES = (0.0, 0.5, 1.0)


@pytest.fixture
def outcome(make_outcome):
    generator = np.random.default_rng(0)
    truth = generator.integers(60, size=300)
    rank = np.where(generator.random(60)[truth] < 0.6, 0, 7)
    return make_outcome(
        rank,
        truth=truth,
        decentrality=generator.random(300) * 0.9,
        distance_m=generator.exponential(100, 300),
        city=np.where(truth < 20, "Aa", "Bb"),
    )


def summary(outcome, **given):
    return summarise(outcome, given.pop("metrics", METRICS), **{"edges": EDGES, **given})


def test_values_and_counts_of_every_stratum(outcome):
    found = summary(outcome)
    hit = outcome.ranking.rank == 0
    outer = outcome.decentrality >= 0.5
    in_city = outcome.city == "Bb"
    for estimates, rows in (
        (found.overall, hit == hit),
        (found.by_decentrality["0.5-1.0"], outer),
        (found.by_city["Bb"], in_city),
        (found.by_city_and_decentrality["Bb"]["0.5-1.0"], outer & in_city),
    ):
        assert estimates["recall@1"].value == pytest.approx(hit[rows].mean())
        assert estimates["recall@1"].count == rows.sum()
        assert estimates["median_distance_m"].value == pytest.approx(np.median(outcome.distance_m[rows]))
        for estimate in estimates.values():
            assert estimate.low <= estimate.value <= estimate.high


def test_clusters_widen_the_interval(outcome):
    by_tile = summary(outcome).overall["recall@1"]
    by_query = summary(outcome, clusters=np.arange(300)).overall["recall@1"]
    apart = wilson(by_query.value * 300, 300)
    assert (by_query.low, by_query.high) == pytest.approx(apart, rel=0.05)
    assert by_tile.high - by_tile.low > 1.5 * (by_query.high - by_query.low)


def test_median_interval_by_redrawing_tiles(outcome):
    """Agrees with a bootstrap written out in full, up to the randomness of both."""
    generator = np.random.default_rng(1)
    members = [np.flatnonzero(outcome.truth == tile) for tile in np.unique(outcome.truth)]
    redrawn = [
        np.median(
            outcome.distance_m[
                np.concatenate([members[t] for t in generator.integers(len(members), size=len(members))])
            ]
        )
        for _ in range(2000)
    ]
    low, high = np.quantile(redrawn, [0.025, 0.975])
    found = summary(outcome).overall["median_distance_m"]
    assert found.low == pytest.approx(low, rel=0.08) and found.high == pytest.approx(high, rel=0.08)


def test_intervals_are_the_same_whoever_computes_them(outcome):
    assert summary(outcome) == summary(outcome)
    assert summary(outcome).intervals == "spatial"


def test_strata_by_distance_to_the_border(outcome):
    assert summary(outcome).by_border == {}
    placed = replace(outcome, border_m=np.linspace(0, 30, 300))
    found = summary(placed).by_border
    assert list(found) == ["0-5", "5-10", "10-20", "20 and more"]
    assert [table["recall@1"].count for table in found.values()] == [50, 50, 100, 100]
    near = (outcome.ranking.rank == 0)[:50]
    assert found["0-5"]["recall@1"].value == pytest.approx(near.mean())


def test_what_widened_an_interval_is_recorded(make_outcome):
    """Districts of 4 x 4 tiles, 111 m apart, whose queries are found all or not at all."""
    row, column = np.divmod(np.arange(400), 20)
    district = 5 * (row // 4) + column // 4
    rank = np.where(np.random.default_rng(0).random(25)[district] < 0.5, 0, 7)
    here = {"city": np.full(400, "a"), "truth": np.arange(400)}
    placed = np.stack([0.001 * row, 0.001 * column], axis=1)
    alone = summary(make_outcome(rank, **here)).overall["recall@1"]
    found = summary(make_outcome(rank, **here, tile_lat_lon=placed)).overall["recall@1"]
    assert alone.widened is None and alone.cut_off_m is None
    assert found.widened > 4 and 150 < found.cut_off_m < 700
    assert found.high - found.low > 2 * (alone.high - alone.low)
    assert found.low <= 0.5 <= found.high


@pytest.mark.parametrize("rank", [0, 7])
def test_all_hits_or_none(make_outcome, rank):
    """Nothing varies: the interval is that of as many queries as there are tiles."""
    found = summary(make_outcome(np.full(200, rank), truth=np.arange(200) // 5)).overall["recall@1"]
    low, high = wilson(40.0 * found.value, 40)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)
    assert found.standard_error == 0 and found.clusters == 40


def test_empty_strata_have_count_zero(make_outcome):
    found = summary(make_outcome([0, 2], decentrality=np.array([0.1, 0.2])))
    estimate = found.by_decentrality["0.5-1.0"]["recall@1"]
    assert (estimate.value, estimate.low, estimate.count) == (None, None, 0)


def test_one_cluster_shows_no_variation(make_outcome):
    found = summary(make_outcome([0, 2, 0], truth=np.zeros(3, int), distance_m=np.array([1.0, 2, 3])))
    assert found.overall["median_distance_m"].value == 2 and found.overall["median_distance_m"].low is None
    assert (found.overall["recall@1"].low, found.overall["recall@1"].high) == wilson(2 / 3, 1)


def test_undefined_queries_are_left_out(make_outcome):
    partly = Metric(id="partly", per_query=lambda o: np.array([np.nan, 1.0, 3.0, np.nan]))
    found = summary(make_outcome([0, 0, 0, 0]), metrics=[partly]).overall["partly"]
    assert (found.value, found.count) == (2, 2)


def test_a_strangers_metric_reaches_json_with_interval_and_strata(outcome):
    log_rank = Metric(id="log_rank", per_query=lambda o: np.log1p(o.ranking.rank), higher_is_better=False)
    again = Metrics.model_validate_json(summary(outcome, metrics=[*METRICS, log_rank]).model_dump_json())
    for estimates in (again.overall, again.by_city["Aa"], again.by_decentrality["0.0-0.5"]):
        assert estimates["log_rank"].low < estimates["log_rank"].value < estimates["log_rank"].high


def test_nothing_to_summarise_is_refused(outcome, make_outcome):
    needs = Metric(id="needs", per_query=lambda o: o.extra["absent"], requires=("absent",))
    with pytest.raises(UsageError, match="0 metrics"):
        summary(outcome, metrics=[needs])
    with pytest.raises(UsageError, match="0 queries"):
        summary(make_outcome([]))
    with pytest.raises(UsageError, match="one cluster each"):
        summary(outcome, clusters=np.arange(3))
