"""The bootstrap against plain replication of the redrawn queries."""

import numpy as np
import pytest

from cvgl_bench.scoring.statistics import bootstrap as module
from cvgl_bench.scoring.statistics import medians
from cvgl_bench.scoring.statistics.bootstrap import bootstrap, draw_clusters, number_clusters


def replicated(values, aggregate, clusters, rows, weights):
    """Build the redrawn sample query by query and aggregate it."""
    times = weights[clusters[rows]]
    sample = np.repeat(values[rows], times)
    sample = sample[~np.isnan(sample)]
    if not len(sample):
        return np.nan
    return sample.mean() if aggregate == "mean" else np.median(sample)


def case(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 60))
    clusters = number_clusters(generator.integers(generator.integers(1, 40), size=count))
    values = generator.choice([generator.random(count), np.round(3 * generator.random(count))], size=1)[0]
    values[generator.random(count) < generator.choice([0, 0.3, 0.97])] = np.nan
    strata = [np.arange(count), np.flatnonzero(generator.random(count) < 0.3), np.arange(0)]
    return values, clusters, strata


@pytest.mark.parametrize("deviations", [medians.WINDOW_DEVIATIONS, 0.0])
def test_agrees_with_replication(monkeypatch, deviations):
    """A window of no width sends most medians down the full search, which must agree too."""
    monkeypatch.setattr(medians, "WINDOW_DEVIATIONS", deviations)
    for seed in range(150):
        values, clusters, strata = case(seed)
        result = bootstrap(
            np.stack([values, values]),
            ["mean", "median"],
            clusters=clusters,
            strata=strata,
            resamples=7,
            seed=seed,
        )
        weights = draw_clusters(clusters.max() + 1, 7, np.random.default_rng(seed))
        for row, aggregate in enumerate(["mean", "median"]):
            for column, rows in enumerate(strata):
                expected = [replicated(values, aggregate, clusters, rows, w) for w in weights.T]
                np.testing.assert_allclose(result[row, column], expected, rtol=1e-6)


def test_blocks_of_resamples_draw_alike(monkeypatch):
    values, clusters, strata = case(4)
    arguments = dict(clusters=clusters, strata=strata, resamples=11, seed=3)
    whole = bootstrap(values[None], ["median"], **arguments)
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 3 * (clusters.max() + 1))
    np.testing.assert_array_equal(bootstrap(values[None], ["median"], **arguments), whole)


def test_equal_seeds_are_paired():
    generator = np.random.default_rng(0)
    values, clusters = generator.random(50), np.arange(50)
    shared = dict(clusters=clusters, strata=[np.arange(50)], resamples=20)
    first = bootstrap(values[None], ["mean"], seed=1, **shared)
    shifted = bootstrap(values[None] + 2, ["mean"], seed=1, **shared)
    np.testing.assert_allclose(shifted - first, 2, rtol=1e-6)
    assert not np.array_equal(first, bootstrap(values[None], ["mean"], seed=2, **shared))


def test_draws_as_many_clusters_as_there_are():
    weights = draw_clusters(300, 9, np.random.default_rng(0))
    assert weights.shape == (300, 9)
    np.testing.assert_array_equal(weights.sum(axis=0, dtype=int), 300)


def test_number_clusters_leaves_no_gap():
    np.testing.assert_array_equal(number_clusters(np.array([70, 5, 70, -1])), [2, 1, 2, 0])
