"""Every metric overall, by decentrality, by city and by both, with counts and intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.card_fields import DEFAULT_DECENTRALITY_EDGES
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import METRICS, Metric, reported, values_per_query
from cvgl_bench.scoring.results import Estimate, Estimates, Metrics
from cvgl_bench.scoring.statistics.bootstrap import aggregate_values, bootstrap, number_clusters
from cvgl_bench.scoring.statistics.intervals import LEAST_CLUSTERS, percentiles, share_interval
from cvgl_bench.scoring.statistics.strata import strata_of

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

RESAMPLES = 1000


def clusters_of(outcome: Outcome, clusters: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the cluster of each query (Q,), numbered from 0: `clusters`, or the positive tile."""
    labels = outcome.truth if clusters is None else np.asarray(clusters)
    if labels.shape != (len(outcome),):
        raise UsageError(f"{len(outcome)} queries need one cluster each, but the array has {labels.shape}.")
    return number_clusters(labels)


def count_clusters(clusters: NDArray[np.int64]) -> int:
    """Return how many different clusters occur."""
    return int(np.count_nonzero(np.bincount(clusters)))


def summarise(
    outcome: Outcome,
    metrics: Iterable[Metric] = METRICS,
    *,
    edges: Sequence[float] = DEFAULT_DECENTRALITY_EDGES,
    seed: int = 0,
    resamples: int = RESAMPLES,
    clusters: NDArray[np.int64] | None = None,
) -> Metrics:
    """Return every reported metric with its 95 % interval in every stratum.

    Fractions stay fractions. An empty stratum has count 0 and no value; a stratum of one cluster has
    no interval unless the metric is a share.

    edges: decentrality edges of the bins; seed, resamples: of the bootstrap behind the intervals.
    clusters: (Q,) labels of queries that are not independent, by default the queries of one positive tile.
    Raises UsageError where no metric or no query is left.

    >>> from cvgl_bench import score
    >>> outcome, _ = score(np.eye(3), np.eye(3), truth=[0, 1, 0])
    >>> recall = summarise(outcome, resamples=100).overall["recall@1"]
    >>> round(recall.value, 3), recall.count
    (0.667, 3)
    """
    chosen = reported(metrics, outcome)
    if not chosen or not len(outcome):
        raise UsageError(f"There is nothing to summarise: {len(chosen)} metrics over {len(outcome)} queries.")
    values = np.stack([values_per_query(metric, outcome) for metric in chosen])
    numbers = clusters_of(outcome, clusters)
    strata = strata_of(outcome, edges)
    resampled = bootstrap(
        values,
        [metric.aggregate for metric in chosen],
        clusters=numbers,
        strata=[stratum.rows for stratum in strata],
        resamples=resamples,
        seed=seed,
    )
    tables = [
        {
            metric.id: estimate(metric, values[row, s.rows], numbers[s.rows], resampled[row, column])
            for row, metric in enumerate(chosen)
        }
        for column, s in enumerate(strata)
    ]
    by_both: dict[str, dict[str, Estimates]] = {}
    for stratum, table in zip(strata, tables, strict=True):
        if stratum.city is not None and stratum.bin is not None:
            by_both.setdefault(stratum.city, {})[stratum.bin] = table
    pairs = list(zip(strata, tables, strict=True))
    return Metrics(
        overall=tables[0],
        by_decentrality={s.bin: table for s, table in pairs if s.bin is not None and s.city is None},
        by_city={s.city: table for s, table in pairs if s.city is not None and s.bin is None},
        by_city_and_decentrality=by_both,
    )


def estimate(
    metric: Metric, values: NDArray[np.float64], clusters: NDArray[np.int64], resampled: NDArray[np.float64]
) -> Estimate:
    """Return the metric's value and interval over the queries that have one.

    values, clusters: (n,) of the stratum's queries; resampled: (B,) values of the same stratum.
    """
    defined = ~np.isnan(values)
    count = int(defined.sum())
    if not count:
        return Estimate(value=None, count=0)
    value = aggregate_values(values[defined], metric.aggregate)
    cluster_count = count_clusters(clusters[defined])
    low, high = None, None
    if metric.aggregate == "mean" and is_share(values[defined]):
        low, high = share_interval(value, count, cluster_count=cluster_count, resampled=resampled)
    elif cluster_count >= LEAST_CLUSTERS:
        low, high = percentiles(resampled)
    return Estimate(value=value, low=low, high=high, count=count)


def is_share(values: NDArray[np.float64]) -> bool:
    """Return whether every value is 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())
