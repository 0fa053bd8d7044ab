"""One estimate from the runs of several seeds, and how an estimate is printed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.paired import student_point

NO_VALUE = "–"

WHOLE_METRES_FROM = 1000.0
"""Decimetres are left out from here on."""


def over_seeds(estimates: Sequence[Estimate], *, unit: str) -> Estimate:
    """Return the mean over seeds with an interval for both sources of error, or the only estimate.

    All seeds are tested on the same queries, so averaging them does not average out which queries
    were drawn: the half-width of Student's t interval over the seeds and the mean half-width of the
    runs' own intervals over the queries are independent, and add in quadrature.

    A value missing from one seed is missing from the mean. Fractions ('%') stay within 0 and 1,
    distances ('m') do not fall below 0 where no seed's does.
    """
    if len(estimates) == 1:
        return estimates[0]
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    count = min(estimate.count for estimate in estimates)
    if len(values) < len(estimates):
        return Estimate(value=None, count=count)
    mean = statistics.fmean(values)
    seeds_half = student_point(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    ends = list(zip(estimates, values, strict=True))
    below = statistics.fmean(value - e.low if e.low is not None else 0.0 for e, value in ends)
    above = statistics.fmean(e.high - value if e.high is not None else 0.0 for e, value in ends)
    low, high = mean - math.hypot(seeds_half, below), mean + math.hypot(seeds_half, above)
    if unit == "%":
        low, high = max(low, 0.0), min(high, 1.0)
    elif unit == "m" and min(values) >= 0:
        low = max(low, 0.0)
    return Estimate(value=mean, low=low, high=high, count=count)


def seed_deviation(estimates: Sequence[Estimate]) -> float | None:
    """Return the standard deviation over seeds, or None where there are not two values."""
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    return statistics.stdev(values) if len(values) > 1 else None


def print_value(value: float | None, unit: str) -> str:
    """Return a value as printed: fractions in per cent, metres with a decimal while it may matter."""
    if value is None:
        return NO_VALUE
    if unit == "%":
        return f"{100 * value:.2f}"
    if unit == "m":
        return f"{value:,.1f}" if abs(value) < WHOLE_METRES_FROM else f"{value:,.0f}"
    return f"{value:.4g}"


def print_estimate(estimate: Estimate | None, unit: str) -> str:
    """Return 'value [low, high]', the value alone where it has no interval, or a dash."""
    if estimate is None or estimate.value is None:
        return NO_VALUE
    text = print_value(estimate.value, unit)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{print_value(estimate.low, unit)}, {print_value(estimate.high, unit)}]"
