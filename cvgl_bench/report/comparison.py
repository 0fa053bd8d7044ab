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
from cvgl_bench.scoring.metrics import Metric, reported, values_per_query
from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.intervals import Interval, median_influence, with_seeds
from cvgl_bench.scoring.statistics.paired import difference_p, holm, letters
from cvgl_bench.scoring.statistics.seeds import over_seeds
from cvgl_bench.scoring.statistics.spatial import Group
from cvgl_bench.scoring.statistics.strata import Stratum, strata_of
from cvgl_bench.scoring.statistics.student import student_point
from cvgl_bench.scoring.statistics.summary import aggregated, dependence_of, estimate

Floats = NDArray[np.float64]
Claim = Literal["methods", "weights"]

OVERALL = "overall"

SIGNIFICANCE = 0.05

LEAST_SEEDS = 3
"""Runs a side from which on a difference may be called one of the methods: with two, the spread between seeds
is all but unknown, and with one, equal methods differ in up to two of three comparisons."""


@dataclass(frozen=True)
class Difference:
    """One metric of `first` minus that of `second` in one stratum.

    standard_error, degrees: over the queries, dependence between tiles included, and between seeds where
        there are several. p_alone: by Student's t, as if this were the only comparison.
    p, low, high: corrected for the comparisons made together (`corrected`); the interval, of 95 % or more,
        excludes zero exactly where p is below 0.05. None where nothing varies.
    claim: what the difference is one of: the methods, or with fewer than three runs a side these weights.
    """

    metric: str
    stratum: str
    first: str
    second: str
    value: float
    standard_error: float
    degrees: float
    p_alone: float
    claim: Claim
    count: int
    p: float = 1.0
    low: float | None = None
    high: float | None = None

    @property
    def told_apart(self) -> bool:
        """Whether the corrected p-value is below 0.05."""
        return self.p < SIGNIFICANCE


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """Return differences with p-values corrected for their number (Holm), and intervals that say the same.

    Holm's method holds a p-value against a part of 5 %; the interval leaves out just that part.
    """
    return [
        replace(difference, p=p, low=low, high=high)
        for difference, p in zip(differences, holm([d.p_alone for d in differences]), strict=True)
        for part in [difference.p_alone / p if p > 0 else 1 / len(differences)]
        for low, high in [_interval(difference, SIGNIFICANCE * part)]
    ]


def _interval(difference: Difference, level: float) -> Interval:
    if not difference.standard_error:
        return None, None
    half = student_point(difference.degrees, level) * difference.standard_error
    return difference.value - half, difference.value + half


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
    clusters: NDArray[np.int64] | None = None,
) -> Comparison:
    """Compare methods on the same queries, overall and by decentrality.

    Queries for which a run has no value are left out of all runs.

    groups: outcomes by name, several where a method was run with several seeds.
    Raises UsageError where there is nothing to compare, or the queries are not the same.
    """
    if len(groups) < 2 or not all(groups.values()):
        raise UsageError(f"Comparing takes at least two methods with a run each; given: {', '.join(groups)}.")
    outcomes = [outcome for members in groups.values() for outcome in members]
    _require_same_queries(groups)
    chosen = _reported_by_all(metrics, outcomes)
    strata = [s for s in strata_of(outcomes[0], edges) if s.city is None and s.border is None]
    dependence = dependence_of(outcomes[0], clusters)
    differences: list[Difference] = []
    standings: dict[str, dict[str, dict[str, Standing]]] = {}
    for metric in chosen:
        values = np.stack([values_per_query(metric, outcome) for outcome in outcomes])
        values[:, np.isnan(values).any(axis=0)] = np.nan
        cells = [
            _Cell(metric, stratum, groups, values[:, rows], dependence.group(rows) if len(rows) else None)
            for stratum in strata
            for rows in [stratum.rows[~np.isnan(values[0, stratum.rows])]]
        ]
        found = corrected(cells[0].differences())
        found += corrected([difference for cell in cells[1:] for difference in cell.differences()])
        differences += found
        standings[metric.id] = {cell.name: cell.standings(found) for cell in cells}
    return Comparison(
        runs={name: len(members) for name, members in groups.items()},
        query_count=len(outcomes[0]),
        metrics=tuple(chosen),
        standings=standings,
        differences=tuple(differences),
    )


class _Cell:
    """One metric in one stratum: the values (runs, n) of its queries, run by run, and what they come to."""

    def __init__(
        self,
        metric: Metric,
        stratum: Stratum,
        groups: Mapping[str, Sequence[Outcome]],
        values: Floats,
        group: Group | None,
    ) -> None:
        self.metric, self.name = metric, stratum.bin or OVERALL
        self._group, self._values = group, values
        starts = np.cumsum([0, *map(len, groups.values())])
        self.members = {
            name: range(start, stop)
            for name, start, stop in zip(groups, starts[:-1], starts[1:], strict=True)
        }
        self._influences: dict[str, Floats] = {}

    def differences(self) -> list[Difference]:
        """Return the differences of every pair, as if each were the only one; none without queries."""
        if self._group is None:
            return []
        return [self._difference(first, second) for first, second in combinations(self.members, 2)]

    def standings(self, differences: Sequence[Difference]) -> dict[str, Standing]:
        """Return every method's estimate, with letters by the differences of this stratum."""
        estimates = {name: self._estimate(name) for name in self.members}
        apart = {(d.first, d.second): d.told_apart for d in differences if d.stratum == self.name}
        marks = letters(_best_first(estimates, self.metric), apart)
        return {name: Standing(estimates[name], marks[name]) for name in estimates}

    def _estimate(self, name: str) -> Estimate:
        if self._group is None:
            return Estimate(value=None, count=0)
        runs = [estimate(self.metric, self._values[run], self._group) for run in self.members[name]]
        return over_seeds(runs, unit=self.metric.unit, spread=self._group.spread(self._influence(name)))

    def _difference(self, first: str, second: str) -> Difference:
        """Return the difference of two methods: each query's part in it, averaged over seeds."""
        assert self._group is not None
        runs = [
            [aggregated(self.metric, self._values[run]) for run in self.members[name]]
            for name in (first, second)
        ]
        value = float(np.mean(runs[0]) - np.mean(runs[1]))
        spread = self._group.spread(self._influence(first) - self._influence(second))
        for seeds in runs:
            spread = with_seeds(spread, seeds)
        return Difference(
            metric=self.metric.id,
            stratum=self.name,
            first=first,
            second=second,
            value=value,
            standard_error=float(np.sqrt(spread.variance)),
            degrees=spread.degrees,
            p_alone=difference_p(value, spread),
            claim="methods" if min(map(len, runs)) >= LEAST_SEEDS else "weights",
            count=self._values.shape[1],
        )

    def _influence(self, name: str) -> Floats:
        """Return (n,) what each query adds to the method's value, averaged over its runs."""
        if name not in self._influences:
            assert self._group is not None
            parts = self._values[self.members[name]]
            if self.metric.aggregate == "median":
                parts = np.stack([median_influence(part, self._group) for part in parts])
            self._influences[name] = parts.mean(axis=0)
        return self._influences[name]


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
