"""Runs compared on the same queries: differences with intervals, tests, and letter groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.ranking.outcome import Outcome
from cvgl_bench.report.leaderboard.estimates import over_seeds
from cvgl_bench.scoring.metrics import Metric, reported, values_per_query
from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.bootstrap import aggregate_values, bootstrap
from cvgl_bench.scoring.statistics.intervals import LEAST_CLUSTERS
from cvgl_bench.scoring.statistics.paired import holm, letters, mcnemar, student_p, student_point
from cvgl_bench.scoring.statistics.strata import Stratum, strata_of
from cvgl_bench.scoring.statistics.summary import RESAMPLES, clusters_of, count_clusters, estimate, is_share

Floats = NDArray[np.float64]
Test = Literal["McNemar", "Student"]

OVERALL = "overall"

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Difference:
    """One metric of `first` minus that of `second` in one stratum.

    low, high: 95 % interval that respects clusters, and seeds where there are several; None with a
        single cluster, or where both answer alike everywhere.
    p: by `test`; p_adjusted: by Holm's method, for the number of pairs overall, and of pairs times bins
        by decentrality.
    """

    metric: str
    stratum: str
    first: str
    second: str
    value: float
    low: float | None
    high: float | None
    test: Test
    p: float
    p_adjusted: float
    count: int

    @property
    def told_apart(self) -> bool:
        """True where the adjusted p-value is below 0.05 and the interval excludes zero.

        McNemar's test takes queries as independent; the interval knows that neighbours are not.
        """
        if self.low is None or self.high is None:
            return False
        return self.p_adjusted < SIGNIFICANCE and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Standing:
    """A method's value in a stratum; those that share a letter cannot be told apart, 'a' is best."""

    estimate: Estimate
    letters: str


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    runs: number of runs behind each name. standings: by metric, stratum ('overall' or a decentrality
    bin) and name. differences: every pair in every metric and stratum that has queries.
    """

    runs: Mapping[str, int]
    query_count: int
    metrics: tuple[Metric, ...]
    standings: Mapping[str, Mapping[str, Mapping[str, Standing]]]
    differences: tuple[Difference, ...]


def compare(
    groups: Mapping[str, Sequence[Outcome]],
    metrics: Iterable[Metric],
    *,
    edges: Sequence[float],
    seed: int = 0,
    resamples: int = RESAMPLES,
    clusters: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compare methods on the same queries, overall and by decentrality.

    Shares of single runs are tested by exact McNemar; everything else by Student's t, with the variance
    of the bootstrap over clusters and, where a method has several runs, that between its seeds.
    Queries for which a run has no value are left out of all runs.

    groups: outcomes by name, several where a method was run with several seeds.
    Raises UsageError where there is nothing to compare, or the queries are not the same.
    """
    if len(groups) < 2 or not all(groups.values()):
        raise UsageError(f"Comparing takes at least two methods with a run each; given: {', '.join(groups)}.")
    outcomes = [outcome for members in groups.values() for outcome in members]
    _require_same_queries(groups)
    chosen = _reported_by_all(metrics, outcomes)
    strata = [stratum for stratum in strata_of(outcomes[0], edges) if stratum.city is None]
    runs = _Resampled(outcomes, chosen, strata, clusters=clusters, resamples=resamples, seed=seed)
    owners = [name for name, members in groups.items() for _ in members]
    differences = [
        difference
        for row in range(len(chosen))
        for columns in ([0], range(1, len(strata)))
        for difference in _family(runs, owners, row, columns)
    ]
    return Comparison(
        runs={name: len(members) for name, members in groups.items()},
        query_count=len(outcomes[0]),
        metrics=tuple(chosen),
        standings=_standings(runs, owners, differences),
        differences=tuple(differences),
    )


class _Resampled:
    """Values per query of every run, and what they come to when clusters are redrawn.

    values: float64 (runs, M, Q); resampled: float64 (runs, M, strata, B).
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        metrics: Sequence[Metric],
        strata: Sequence[Stratum],
        *,
        clusters: NDArray[np.int64] | None,
        resamples: int,
        seed: int,
    ) -> None:
        self.metrics, self.strata = metrics, strata
        self.clusters = clusters_of(outcomes[0], clusters)
        values = np.stack([[values_per_query(metric, outcome) for metric in metrics] for outcome in outcomes])
        values[:, np.isnan(values).any(axis=0)] = np.nan
        self.values = values
        self.resampled = bootstrap(
            values.reshape(-1, values.shape[-1]),
            [metric.aggregate for _ in outcomes for metric in metrics],
            clusters=self.clusters,
            strata=[stratum.rows for stratum in strata],
            resamples=resamples,
            seed=seed,
        ).reshape(len(outcomes), len(metrics), len(strata), resamples)

    def name(self, column: int) -> str:
        return self.strata[column].bin or OVERALL

    def defined(self, row: int, column: int) -> NDArray[np.int64]:
        """Return the rows of the stratum's queries that have a value of the metric."""
        rows = self.strata[column].rows
        return rows[~np.isnan(self.values[0, row, rows])]

    def estimate(self, run: int, row: int, column: int) -> Estimate:
        rows = self.strata[column].rows
        values, redrawn = self.values[run, row, rows], self.resampled[run, row, column]
        return estimate(self.metrics[row], values, self.clusters[rows], redrawn)


def _family(runs: _Resampled, owners: Sequence[str], row: int, columns: Iterable[int]) -> list[Difference]:
    """Return the differences of every pair in these strata, corrected for their number together."""
    found = [
        _difference(runs, owners, row, column, first, second)
        for column in columns
        if len(runs.defined(row, column))
        for first, second in combinations(dict.fromkeys(owners), 2)
    ]
    adjusted = holm([difference.p for difference in found])
    return [replace(difference, p_adjusted=p) for difference, p in zip(found, adjusted, strict=True)]


def _difference(
    runs: _Resampled, owners: Sequence[str], row: int, column: int, first: str, second: str
) -> Difference:
    """Return the difference of two methods in a stratum, as if it were the only one."""
    metric, queries = runs.metrics[row], runs.defined(row, column)
    members = [[run for run, owner in enumerate(owners) if owner == name] for name in (first, second)]
    values = [
        np.array([aggregate_values(runs.values[run, row, queries], metric.aggregate) for run in group])
        for group in members
    ]
    redrawn = np.subtract(*(runs.resampled[group, row, column].mean(axis=0) for group in members))
    value = float(values[0].mean() - values[1].mean())
    cluster_count = count_clusters(runs.clusters[queries])
    low, high, p = _student(value, values, redrawn, cluster_count=cluster_count)
    test: Test = "Student"
    one, other = (runs.values[group[0], row, queries] for group in members)
    single = max(map(len, members)) == 1
    if single and metric.aggregate == "mean" and is_share(one) and is_share(other):
        test, p = "McNemar", mcnemar(int((one > other).sum()), int((one < other).sum()))
    return Difference(
        metric=metric.id,
        stratum=runs.name(column),
        first=first,
        second=second,
        value=value,
        low=low,
        high=high,
        test=test,
        p=p,
        p_adjusted=p,
        count=len(queries),
    )


def _student(
    value: float, values: Sequence[Floats], redrawn: Floats, *, cluster_count: int
) -> tuple[float | None, float | None, float]:
    """Return low, high and p of a difference by Student's t (Welch and Satterthwaite).

    values: each method's values, one a seed; redrawn: (B,) differences of the means over seeds when
    clusters are redrawn. A single cluster, or the same answers everywhere, show nothing: no interval,
    and p = 1.
    """
    if cluster_count < LEAST_CLUSTERS:
        return None, None, 1.0
    parts = [(float(np.nanvar(redrawn, ddof=1)), cluster_count - 1)]
    parts += [(v.var(ddof=1) / len(v), len(v) - 1) for v in values if len(v) > 1]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return (value, value, 0.0) if value else (None, None, 1.0)
    degrees = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = student_point(degrees) * np.sqrt(variance)
    return float(value - half), float(value + half), student_p(value / np.sqrt(variance), degrees)


def _standings(
    runs: _Resampled, owners: Sequence[str], differences: Sequence[Difference]
) -> dict[str, dict[str, dict[str, Standing]]]:
    found: dict[str, dict[str, dict[str, Standing]]] = {}
    for row, metric in enumerate(runs.metrics):
        for column in range(len(runs.strata)):
            stratum = runs.name(column)
            estimates = {
                name: over_seeds(
                    [runs.estimate(run, row, column) for run, owner in enumerate(owners) if owner == name],
                    unit=metric.unit,
                )
                for name in dict.fromkeys(owners)
            }
            apart = {
                (d.first, d.second): d.told_apart
                for d in differences
                if d.metric == metric.id and d.stratum == stratum
            }
            marks = letters(_best_first(estimates, metric), apart)
            found.setdefault(metric.id, {})[stratum] = {
                name: Standing(estimates[name], marks[name]) for name in estimates
            }
    return found


def _best_first(estimates: Mapping[str, Estimate], metric: Metric) -> list[str]:
    sign = -1 if metric.higher_is_better else 1
    return sorted(estimates, key=lambda name: sign * (estimates[name].value or 0.0))


def _reported_by_all(metrics: Iterable[Metric], outcomes: Sequence[Outcome]) -> list[Metric]:
    chosen = list(metrics)
    for outcome in outcomes:
        chosen = reported(chosen, outcome)
    if not chosen:
        raise UsageError("No metric is reported by all runs, so there is nothing to compare.")
    return chosen


def _require_same_queries(groups: Mapping[str, Sequence[Outcome]]) -> None:
    (first_name, first), *others = [(name, run) for name, members in groups.items() for run in members]
    for name, other in others:
        same = (
            np.array_equal(first.truth, other.truth)
            and np.array_equal(first.city, other.city)
            and np.array_equal(first.decentrality, other.decentrality, equal_nan=True)
            and first.reference_count == other.reference_count
        )
        if not same:
            raise UsageError(
                f"'{first_name}' and '{name}' were not tested on the same queries and references "
                f"({len(first)} and {len(other)} queries). Compare runs of one data set and split."
            )
