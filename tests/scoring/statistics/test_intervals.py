"""Intervals against closed forms and printed tables."""

import doctest
import math

import numpy as np
import pytest

from cvgl_bench.scoring.statistics import intervals, student
from cvgl_bench.scoring.statistics.intervals import (
    mean_interval,
    median_influence,
    median_interval,
    share_interval,
    wilson,
    with_seeds,
)
from cvgl_bench.scoring.statistics.spatial import Dependence, Spread
from cvgl_bench.scoring.statistics.student import student_p, student_point


@pytest.mark.parametrize("module", [intervals, student])
def test_doctests(module):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0


def alone(count):
    """Return the group of queries that are independent."""
    nowhere = np.full((count, 2), np.nan)
    return Dependence(np.arange(count), np.full(count, "a"), nowhere).group(np.arange(count))


@pytest.mark.parametrize(
    "hits, count, low, high", [(5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
)
def test_wilson_against_published_values(hits, count, low, high):
    """81 of 263 is the example of Newcombe, Statistics in Medicine 17, 1998, table I."""
    assert wilson(hits, count) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("count", [20, 100, 1000])
def test_wilson_covers_what_it_says_on_single_queries(count):
    """Summed over all outcomes of the binomial, for shares from 0.01 to 0.99: nothing is left to chance."""
    hits = np.arange(count + 1)
    held = np.array([wilson(k, count) for k in hits])
    choices = np.array([math.log(math.comb(count, k)) for k in hits])
    shares = np.linspace(0.01, 0.99, 99)
    coverage = [
        np.exp(choices + hits * np.log(share) + (count - hits) * np.log(1 - share))[
            (held[:, 0] <= share) & (share <= held[:, 1])
        ].sum()
        for share in shares
    ]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)
    assert min(coverage) > 0.83, "the least that is known of Wilson's interval"


@pytest.mark.parametrize(
    "degrees, point", [(1, 12.706), (2, 4.303), (5, 2.571), (30, 2.042), (120, 1.980), (1e9, 1.960)]
)
def test_student_against_the_table(degrees, point):
    assert student_point(degrees) == pytest.approx(point, abs=6e-4)
    assert student_p(student_point(degrees), degrees) == pytest.approx(0.05, rel=1e-9)
    assert student_p(-point, degrees) == student_p(point, degrees)
    assert student_point(degrees, 0.01) > student_point(degrees)


def test_student_of_no_difference():
    assert student_p(0.0, 3) == 1


def test_share_of_many_single_queries_is_wilson():
    spread = Spread(0.3 * 0.7 / 4000, degrees=1e9, cluster_count=4000)
    assert share_interval(0.3, spread) == pytest.approx(wilson(1200, 4000), abs=1e-6)


def test_share_without_variation_counts_clusters():
    certain = Spread(0.0, degrees=1e9, cluster_count=10)
    assert share_interval(1.0, certain) == pytest.approx(wilson(10, 10), abs=1e-6)
    assert share_interval(0.0, certain) == pytest.approx(wilson(0, 10), abs=1e-6)


def test_few_clusters_say_less_than_their_variance():
    few, many = (Spread(0.001, degrees, cluster_count=3) for degrees in (2, 1e9))
    wide, narrow = (share_interval(0.4, spread) for spread in (few, many))
    assert wide[0] < narrow[0] < 0.4 < narrow[1] < wide[1]
    assert share_interval(0.4, Spread(0.0, 0.0, 1)) == wilson(0.4, 1)


def test_mean_is_students():
    spread = Spread(4.0, degrees=4, cluster_count=5)
    assert mean_interval(10.0, spread) == pytest.approx((10 - 2 * 2.77645, 10 + 2 * 2.77645), abs=1e-4)
    assert mean_interval(10.0, Spread(0.0, 0.0, 1)) == (None, None)


def test_median_of_independent_values_is_the_classical_interval_of_ranks():
    """Of 1 to 101 the ends are about 10 ranks from 51: 1.98 times half the root of 101."""
    (low, high), spread = median_interval(np.arange(1.0, 102), alone(101))
    assert (low, high) == pytest.approx((41, 61), abs=0.6)
    assert spread.variance == pytest.approx(25, rel=0.1)


def test_median_of_equal_values_is_certain():
    (low, high), spread = median_interval(np.full(30, 7.0), alone(30))
    assert (low, high, spread.variance) == (7, 7, 0)
    assert not median_influence(np.full(30, 7.0), alone(30)).any()


def test_influence_varies_as_the_median_does():
    values = np.random.default_rng(0).exponential(10, 500)
    group = alone(500)
    _, spread = median_interval(values, group)
    assert group.spread(median_influence(values, group)).variance == pytest.approx(spread.variance)


def test_seeds_add_their_variance_with_satterthwaites_degrees():
    queries = Spread(2.0, degrees=100, cluster_count=101)
    both = with_seeds(queries, [1.0, 3.0, 5.0])
    assert both.variance == pytest.approx(2 + 4 / 3)
    assert both.degrees == pytest.approx((10 / 3) ** 2 / (4 / 100 + (4 / 3) ** 2 / 2))
    assert with_seeds(queries, [1.0]) == queries
    assert with_seeds(queries, [2.0, 2.0]) == queries


def test_coverage_of_medians():
    generator = np.random.default_rng(6)
    true = np.median(generator.exponential(10, 10**6) + generator.exponential(1, 10**6))
    clusters = np.repeat(np.arange(60), 4)
    group = Dependence(clusters, np.full(240, "a"), np.full((240, 2), np.nan)).group(np.arange(240))
    worlds, held = 400, 0
    for _ in range(worlds):
        values = generator.exponential(10, 60)[clusters] + generator.exponential(1, 240)
        (low, high), _ = median_interval(values, group)
        held += low <= true <= high
    assert 0.92 <= held / worlds <= 0.98
