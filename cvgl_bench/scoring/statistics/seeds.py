"""One estimate from the runs of several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.intervals import Interval, share_interval, with_seeds
from cvgl_bench.scoring.statistics.spatial import Spread
from cvgl_bench.scoring.statistics.student import MANY_DEGREES, NORMAL_POINT, student_point


def over_seeds(estimates: Sequence[Estimate], *, unit: str, spread: Spread | None = None) -> Estimate:
    """Return the mean over seeds with an interval for both sources of error, or the only estimate.

    All seeds are tested on the same queries, so averaging them does not average out which queries were
    drawn: v = v of the queries' values averaged over seeds + s^2 / n, with Satterthwaite's degrees of
    freedom.

    spread: over queries, of their values averaged over seeds. Where only the runs' records are at hand it is
        bounded by the mean of theirs: a mean varies no more than its parts do on average (Cauchy, Schwarz).
    A value missing from one seed is missing from the mean. Shares ('%') stay within 0 and 1, distances ('m')
    do not fall below 0 where no seed's does.
    """
    if len(estimates) == 1:
        return estimates[0]
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    count = min(estimate.count for estimate in estimates)
    if len(values) < len(estimates):
        return Estimate(value=None, count=count)
    mean = statistics.fmean(values)
    known = [spread_of(estimate) for estimate in estimates]
    queries = spread or _bound(known)
    if not queries.degrees and unit != "%":
        return estimate_of(mean, (None, None), count=count, spread=queries)
    total = with_seeds(queries, values)
    if unit == "%":
        return estimate_of(mean, share_interval(mean, total), count=count, spread=total)
    below, above = (
        student_point(total.degrees) * np.sqrt(total.variance + queries.variance * (stretch**2 - 1))
        for stretch in _stretches(estimates, known)
    )
    low = max(mean - below, 0.0) if unit == "m" and min(values) >= 0 else mean - below
    return estimate_of(mean, (float(low), float(mean + above)), count=count, spread=total)


def estimate_of(value: float, interval: Interval, *, count: int, spread: Spread) -> Estimate:
    """Return the record of a value with its interval and what that was made from."""
    low, high = interval
    widened = spread.cut_off_m is not None
    return Estimate(
        value=value,
        low=low,
        high=high,
        count=count,
        standard_error=float(np.sqrt(spread.variance)) if spread.degrees else None,
        degrees=spread.degrees or None,
        clusters=spread.cluster_count,
        widened=spread.widened if widened else None,
        cut_off_m=spread.cut_off_m,
    )


def seed_deviation(estimates: Sequence[Estimate]) -> float | None:
    """Return the standard deviation over seeds, or None where there are not two values."""
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    return statistics.stdev(values) if len(values) > 1 else None


def spread_of(estimate: Estimate) -> Spread:
    """Return the spread that an estimate records, that of its interval's width where it is older."""
    clusters = estimate.clusters or estimate.count
    if estimate.low is None or estimate.high is None:
        return Spread(0.0, 0.0, clusters)
    if estimate.standard_error is None or estimate.degrees is None:
        return Spread(((estimate.high - estimate.low) / (2 * NORMAL_POINT)) ** 2, MANY_DEGREES, clusters)
    return Spread(estimate.standard_error**2, estimate.degrees, clusters)


def _bound(spreads: Sequence[Spread]) -> Spread:
    return Spread(
        variance=statistics.fmean(spread.variance for spread in spreads),
        degrees=min(spread.degrees for spread in spreads),
        cluster_count=min(spread.cluster_count for spread in spreads),
    )


def _stretches(estimates: Sequence[Estimate], spreads: Sequence[Spread]) -> tuple[float, float]:
    """Return by how much intervals reach farther below and above than the standard error says.

    Those of medians do not reach alike.
    """
    squares = np.zeros(3)
    for estimate, spread in zip(estimates, spreads, strict=True):
        if estimate.value is None or estimate.low is None or estimate.high is None:
            continue
        reaches = np.array([estimate.value - estimate.low, estimate.high - estimate.value])
        squares += [*np.square(reaches / student_point(spread.degrees)), spread.variance]
    below, above, both = squares
    return (float(np.sqrt(below / both)), float(np.sqrt(above / both))) if both else (1.0, 1.0)
