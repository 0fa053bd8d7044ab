"""Intervals against closed forms, and their coverage on simulated clusters."""

import doctest
import math

import numpy as np
import pytest

from cvgl_bench.scoring.statistics import intervals
from cvgl_bench.scoring.statistics.bootstrap import bootstrap
from cvgl_bench.scoring.statistics.intervals import percentiles, share_interval, wilson
from cvgl_bench.scoring.statistics.summary import count_clusters


def test_doctests():
    assert doctest.testmod(intervals).failed == 0


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


def test_percentiles_leave_out_empty_redraws():
    values = np.concatenate([np.arange(1001.0), [np.nan] * 50])
    assert percentiles(values) == pytest.approx((25, 975))
    assert percentiles(np.full(3, np.nan)) == (None, None)


def test_share_of_single_queries_is_wilson():
    unused = np.full(10, np.nan)
    assert share_interval(0.3, 40, cluster_count=40, resampled=unused) == wilson(12, 40)


def test_share_without_variation_counts_clusters():
    assert share_interval(1.0, 40, cluster_count=10, resampled=np.ones(9)) == wilson(10, 10)
    assert share_interval(0.0, 40, cluster_count=10, resampled=np.zeros(9)) == wilson(0, 10)


def clustered(generator, share):
    """Return 0/1 values that agree strongly within 60 clusters of about 4 queries."""
    sizes = 1 + generator.poisson(3, 60)
    rates = generator.beta(share, 1 - share, 60)
    clusters = np.repeat(np.arange(60), sizes)
    return (generator.random(len(clusters)) < rates[clusters]).astype(float), clusters


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_coverage_on_clustered_queries(share):
    """95 % intervals hold the true share in about 95 of 100 worlds; those blind to clusters do not."""
    generator = np.random.default_rng(5)
    worlds, held, blind = 200, 0, 0
    for _ in range(worlds):
        values, clusters = clustered(generator, share)
        redrawn = bootstrap(
            values[None], ["mean"], clusters=clusters, strata=[np.arange(len(values))], resamples=200, seed=1
        )
        low, high = share_interval(
            values.mean(), len(values), cluster_count=count_clusters(clusters), resampled=redrawn[0, 0]
        )
        held += low <= share <= high
        low, high = wilson(values.sum(), len(values))
        blind += low <= share <= high
    assert 0.90 <= held / worlds <= 0.99
    assert blind / worlds < 0.85


def test_coverage_of_medians():
    generator = np.random.default_rng(6)
    worlds, held = 200, 0
    for _ in range(worlds):
        clusters = np.repeat(np.arange(60), 4)
        values = generator.exponential(10, 60)[clusters] + generator.exponential(1, 240)
        redrawn = bootstrap(
            values[None], ["median"], clusters=clusters, strata=[np.arange(240)], resamples=200, seed=1
        )
        low, high = percentiles(redrawn[0, 0])
        held += low <= TRUE_MEDIAN <= high
    assert 0.90 <= held / worlds <= 0.99


_many = np.random.default_rng(0)
TRUE_MEDIAN = float(np.median(_many.exponential(10, 10**6) + _many.exponential(1, 10**6)))
