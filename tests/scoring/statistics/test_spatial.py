"""Variances over clusters and rings of clusters, against sums written out in full."""

import numpy as np
import pytest

from cvgl_bench.foundation.geo import EARTH_RADIUS_M
from cvgl_bench.scoring.statistics.spatial import Dependence

SPACING_M = 60.0
M_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180


def grid(side, cities=1):
    """Return city (T,) and lat_lon (T, 2) of square cities of tiles on the equator, far from each other."""
    row, column = np.divmod(np.arange(side * side), side)
    lat_lon = np.stack([row, column], axis=1) * SPACING_M / M_PER_DEGREE
    places = np.concatenate([lat_lon + [0, 10 * city] for city in range(cities)])
    return np.repeat([f"city{city}" for city in range(cities)], side * side), places


def dependence(tile, city, lat_lon):
    return Dependence(tile, city[tile], lat_lon[tile])


def test_clusters_alone_are_the_common_formula():
    """G / (G - C) times the squared sums of deviations from the city's mean, over N squared."""
    generator = np.random.default_rng(0)
    tile = np.repeat(np.arange(40), 5)
    city = np.repeat(["a", "b"], 20)
    values = generator.random(40)[tile] + generator.random(200)
    found = Dependence(tile, city[tile], np.full((200, 2), np.nan)).group(np.arange(200)).spread(values)
    sums = values.reshape(40, 5).sum(axis=1)
    deviations = sums - np.repeat(sums.reshape(2, 20).mean(axis=1), 20)
    assert found.variance == pytest.approx((deviations**2).sum() * 40 / 38 / 200**2)
    assert found.degrees == pytest.approx(38) and found.cluster_count == 40
    assert found.widened == 1 and found.cut_off_m is None


def test_rings_are_pairs_of_a_city_by_their_rounded_distance():
    city, places = grid(5, cities=2)
    found = dependence(np.arange(50), city, places)
    assert found.spacing_m == pytest.approx(SPACING_M, rel=1e-6)
    at = np.round(places * M_PER_DEGREE)
    for k in (1, 2, 5):
        pairs = {tuple(sorted(pair)) for pair in found.ring(k).tolist()}
        expected = {
            (i, j)
            for i in range(50)
            for j in range(i + 1, 50)
            if city[i] == city[j] and round(np.hypot(*(at[i] - at[j])) / SPACING_M) == k
        }
        assert pairs == expected
    assert len(found.ring(13)) == 0


def test_districts_that_succeed_together_widen_by_rings():
    """Blocks of 4 x 4 tiles with one value each: about sixteen times the variance of single tiles."""
    generator = np.random.default_rng(1)
    city, places = grid(32)
    ratios, cut_offs = [], []
    for _ in range(20):
        block = generator.standard_normal((8, 8)).repeat(4, axis=0).repeat(4, axis=1).reshape(-1)
        spread = dependence(np.arange(1024), city, places).group(np.arange(1024)).spread(block)
        ratios.append(spread.widened)
        cut_offs.append(spread.cut_off_m)
        assert spread.degrees < 200
    assert 11 < np.median(ratios) < 21
    assert 2.5 * SPACING_M <= np.mean(cut_offs) <= 7 * SPACING_M


def test_independent_tiles_are_seldom_widened():
    generator = np.random.default_rng(2)
    city, places = grid(16, cities=4)
    group = dependence(np.arange(1024), city, places).group(np.arange(1024))
    spreads = [group.spread(generator.standard_normal(1024)) for _ in range(200)]
    assert np.mean([spread.cut_off_m is not None for spread in spreads]) < 0.3
    assert np.mean([spread.variance for spread in spreads]) == pytest.approx(1 / 1024, rel=0.15)


def test_an_unseen_query_changes_nothing():
    """A stratum's variance depends on its own queries alone, those of other strata lying between or not."""
    generator = np.random.default_rng(3)
    city, places = grid(12)
    tile = generator.integers(144, size=600)
    values = generator.standard_normal(144).cumsum()[tile]
    rows = np.flatnonzero(tile % 3 > 0)
    whole = dependence(tile, city, places)
    assert whole.group(rows).spread(values[rows]).cluster_count == len(np.unique(tile[rows]))
    other = values.copy()
    other[tile % 3 == 0] = 99
    assert whole.group(rows).spread(other[rows]) == whole.group(rows).spread(values[rows])


def test_one_cluster_shows_nothing():
    tile, city = np.zeros(10, int), np.full(10, "a")
    found = Dependence(tile, city, np.zeros((10, 2))).group(np.arange(10)).spread(np.arange(10.0))
    assert (found.variance, found.degrees, found.cluster_count) == (0, 0, 1)


def test_cities_of_one_cluster_each_are_taken_together():
    city = np.array(["a", "b", "c"])
    found = Dependence(np.arange(3), city, np.full((3, 2), np.nan)).group(np.arange(3))
    assert found.spread(np.array([1.0, 2.0, 4.0])).variance == pytest.approx(7 / 9 / 3 * 3)
    assert found.spread(np.array([1.0, 2.0, 4.0])).degrees == pytest.approx(2)


def test_few_clusters_that_hold_the_variance_leave_few_degrees():
    """Five of a thousand tiles differ: as uncertain as five numbers, not as a thousand."""
    values = np.zeros(1000)
    values[:5] = 1
    found = Dependence(np.arange(1000), np.full(1000, "a"), np.full((1000, 2), np.nan))
    assert 8 < found.group(np.arange(1000)).spread(values).degrees < 12


def test_the_variance_is_at_least_that_of_single_queries():
    """Tiles whose sums happen to agree do not make their mean certain."""
    values = np.tile([0.0, 1.0], 20)
    tile = np.repeat(np.arange(10), 4)
    found = Dependence(tile, np.full(40, "a"), np.full((40, 2), np.nan)).group(np.arange(40))
    assert found.spread(values + 1e-9 * tile).variance > 0.25 / 39 / 2


def test_weights_count_only_what_weighs():
    """A weighted mean of two tiles among many is one of two tiles."""
    generator = np.random.default_rng(4)
    tile = np.repeat(np.arange(50), 20)
    group = Dependence(tile, np.full(1000, "a"), np.full((1000, 2), np.nan)).group(np.arange(1000))
    values, weights = generator.random(1000), (tile < 2) * 25.0
    found = group.spread_of_deviations(weights * group.centred(values, weights), weights)
    alone = Dependence(tile[:40], np.full(40, "a"), np.full((40, 2), np.nan)).group(np.arange(40))
    assert found.degrees == pytest.approx(1)
    assert found.variance == pytest.approx(alone.spread(values[:40]).variance, rel=0.3)
