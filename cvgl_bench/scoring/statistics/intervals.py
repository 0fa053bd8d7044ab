"""95 % intervals that respect clusters: Wilson's form for shares, percentiles for everything else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
Z = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

LEAST_CLUSTERS = 2
"""With fewer there is no variation to see."""

Interval = tuple[float, float] | tuple[None, None]


def wilson(hits: float, count: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share; `hits` and `count` may be effective numbers.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    share = hits / count
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return (0.0 if hits == 0 else low), (1.0 if hits == count else high)


def percentiles(resampled: NDArray[np.float64]) -> Interval:
    """Return the central 95 % of resampled values (B,), or (None, None) where all are NaN."""
    finite = resampled[~np.isnan(resampled)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def share_interval(
    share: float, count: int, *, cluster_count: int, resampled: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the interval of a share of `count` queries in clusters.

    Wilson's interval with the number of independent queries that would vary as much as the resampled
    shares (B,) do: all of them where every cluster is one query, and one a cluster where a share of 0
    or 1, or a single cluster, shows no variation. Bare percentiles cover too little in small strata
    and near 0 and 1: 30 clusters of 4 at a share of 0.95 give 84 %, this gives 91 %.
    """
    effective = float(count)
    if share in (0.0, 1.0) or cluster_count == 1:
        effective = float(cluster_count)
    elif cluster_count < count:
        variance = np.nanvar(resampled, ddof=1)
        effective = float(np.clip(share * (1 - share) / variance, 1, count)) if variance > 0 else effective
    return wilson(share * effective, effective)
