"""95 % intervals from a variance and its degrees of freedom: of shares, of other means, and of medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.scoring.statistics.spatial import Group, Spread
from cvgl_bench.scoring.statistics.student import NORMAL_POINT, student_point

Floats = NDArray[np.float64]
Interval = tuple[float, float] | tuple[None, None]
"""Least and greatest value, or none where a single cluster shows no variation."""


def wilson(hits: float, count: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share; `hits` and `count` may be effective numbers.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    share, square = hits / count, NORMAL_POINT**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = (
        np.sqrt(share * (1 - share) / count + square / (4 * count**2)) * NORMAL_POINT / (1 + square / count)
    )
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return (0.0 if hits == 0 else low), (1.0 if hits == count else high)


def share_interval(share: float, spread: Spread) -> tuple[float, float]:
    """Return the interval of a share, or of any mean of values between 0 and 1.

    Wilson's interval with the number of independent queries that would vary as much, less the ratio of the
    normal to Student's point squared, for the variance is itself estimated; one query a cluster where none
    varies. (E. L. Korn and B. I. Graubard, Survey Methodology 24, 1998, with Wilson's in place of Clopper's
    and Pearson's interval.)
    """
    if not spread.degrees:
        return wilson(share, 1.0)
    shrunk = (NORMAL_POINT / student_point(spread.degrees)) ** 2
    alike = spread.variance == 0 or share in (0.0, 1.0)
    effective = spread.cluster_count if alike else share * (1 - share) / spread.variance
    return wilson(share * effective * shrunk, effective * shrunk)


def mean_interval(mean: float, spread: Spread) -> Interval:
    """Return Student's interval of a mean."""
    if not spread.degrees:
        return None, None
    half = student_point(spread.degrees) * float(np.sqrt(spread.variance))
    return mean - half, mean + half


def median_interval(values: Floats, group: Group) -> tuple[Interval, Spread]:
    """Return the interval of the median of `values` (n,), none of them NaN, and the median's spread.

    The share of values above the median is 1/2; the values at the ends of that share's interval are the ends
    of the median's. (R. S. Woodruff, Confidence intervals for medians and other position measures, 1952.)
    """
    above = group.spread(_above_median(values))
    if not above.degrees:
        return (None, None), above
    reach = student_point(above.degrees) * float(np.sqrt(above.variance))
    low, high = np.quantile(values, [max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)])
    deviation = float(high - low) / (2 * student_point(above.degrees))
    return (float(low), float(high)), replace(above, variance=deviation**2)


def median_influence(values: Floats, group: Group) -> Floats:
    """Return (n,) what each query adds to the median, up to a constant: its mean varies as the median does.

    The slope of the median in the share of values above it is the width of one interval over that of the
    other. (C. A. Francisco and W. A. Fuller, Quantile estimation with a complex survey design, 1991.)
    """
    above = _above_median(values)
    share, (_, median) = group.spread(above), median_interval(values, group)
    slope = np.sqrt(median.variance / share.variance) if share.variance else 0.0
    return above * slope


def with_seeds(spread: Spread, values: Sequence[float]) -> Spread:
    """Return the spread of a mean over seeds: `spread`, and the seeds' variance over their number.

    The degrees of freedom are those of the sum (F. E. Satterthwaite, An approximate distribution of estimates
    of variance components, 1946). One seed adds nothing: what is said then is said of these weights alone.

    spread: over queries, of the values averaged over seeds; values: of the seeds.
    """
    if len(values) < 2 or not spread.degrees:
        return spread
    seeds = float(np.var(values, ddof=1)) / len(values)
    variance = spread.variance + seeds
    if not variance:
        return spread
    spare = spread.variance**2 / spread.degrees + seeds**2 / (len(values) - 1)
    return replace(spread, variance=variance, degrees=variance**2 / spare)


def _above_median(values: Floats) -> Floats:
    median = np.median(values)
    return (values > median) + 0.5 * (values == median)
