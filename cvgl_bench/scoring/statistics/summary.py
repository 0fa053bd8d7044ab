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
from cvgl_bench.scoring.statistics.intervals import mean_interval, median_interval, share_interval
from cvgl_bench.scoring.statistics.seeds import estimate_of
from cvgl_bench.scoring.statistics.spatial import Dependence, Group
from cvgl_bench.scoring.statistics.strata import Rows, strata_of

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

Floats = NDArray[np.float64]


def dependence_of(outcome: Outcome, clusters: NDArray[np.int64] | None = None) -> Dependence:
    """Return which queries depend on each other: those of one positive tile, or of one label of `clusters`.

    Raises UsageError where `clusters` is not one label a query.
    """
    labels = outcome.truth if clusters is None else np.asarray(clusters)
    if labels.shape != (len(outcome),):
        raise UsageError(f"{len(outcome)} queries need one cluster each, but the array has {labels.shape}.")
    return Dependence(labels, outcome.city, outcome.tile_lat_lon)


def summarise(
    outcome: Outcome,
    metrics: Iterable[Metric] = METRICS,
    *,
    edges: Sequence[float] = DEFAULT_DECENTRALITY_EDGES,
    clusters: NDArray[np.int64] | None = None,
) -> Metrics:
    """Return every reported metric with its 95 % interval in every stratum.

    Fractions stay fractions. An empty stratum has count 0 and no value; a stratum of one cluster has
    no interval unless the metric is a share. Intervals speak of queries drawn from these cities.

    edges: decentrality edges of the bins.
    clusters: (Q,) labels of queries that are not independent, by default the queries of one positive tile.
    Raises UsageError where no metric or no query is left.

    >>> from cvgl_bench import score
    >>> outcome, _ = score(np.eye(3), np.eye(3), truth=[0, 1, 0])
    >>> recall = summarise(outcome).overall["recall@1"]
    >>> round(recall.value, 3), recall.count
    (0.667, 3)
    """
    chosen = reported(metrics, outcome)
    if not chosen or not len(outcome):
        raise UsageError(f"There is nothing to summarise: {len(chosen)} metrics over {len(outcome)} queries.")
    values = np.stack([values_per_query(metric, outcome) for metric in chosen])
    dependence = dependence_of(outcome, clusters)
    strata = strata_of(outcome, edges)
    tables = [_table(chosen, values[:, stratum.rows], stratum.rows, dependence) for stratum in strata]
    by_both: dict[str, dict[str, Estimates]] = {}
    for stratum, table in zip(strata, tables, strict=True):
        if stratum.city is not None and stratum.bin is not None:
            by_both.setdefault(stratum.city, {})[stratum.bin] = table
    pairs = list(zip(strata, tables, strict=True))
    return Metrics(
        overall=tables[0],
        by_decentrality={s.bin: table for s, table in pairs if s.bin is not None and s.city is None},
        by_border={s.border: table for s, table in pairs if s.border is not None},
        by_city={s.city: table for s, table in pairs if s.city is not None and s.bin is None},
        by_city_and_decentrality=by_both,
        intervals="spatial",
    )


def _table(metrics: Sequence[Metric], values: Floats, rows: Rows, dependence: Dependence) -> Estimates:
    """Return every metric's estimate over the queries `rows`, whose values are float64 (M, n)."""
    # Metrics are mostly defined for the same queries, whose clusters are then looked up once.
    groups: dict[bytes, Group] = {}
    found: Estimates = {}
    for metric, row in zip(metrics, values, strict=True):
        defined = ~np.isnan(row)
        if not defined.any():
            found[metric.id] = Estimate(value=None, count=0)
            continue
        mask = defined.tobytes()
        if mask not in groups:
            groups[mask] = dependence.group(rows[defined])
        found[metric.id] = estimate(metric, row[defined], groups[mask])
    return found


def aggregated(metric: Metric, values: Floats) -> float:
    """Return the mean or median of at least one value."""
    return float(np.mean(values) if metric.aggregate == "mean" else np.median(values))


def estimate(metric: Metric, values: Floats, group: Group) -> Estimate:
    """Return the metric's value and interval over the queries of a group, none of whose values is NaN."""
    value, count = aggregated(metric, values), len(values)
    if metric.aggregate == "median":
        interval, spread = median_interval(values, group)
        return estimate_of(value, interval, count=count, spread=spread)
    spread = group.spread(values)
    find = share_interval if metric.unit == "%" else mean_interval
    return estimate_of(value, find(value, spread), count=count, spread=spread)
