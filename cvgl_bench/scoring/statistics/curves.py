"""A metric against where queries lie in their tiles: the smoothed curve with its band, and its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import Metric, values_per_query
from cvgl_bench.scoring.statistics.intervals import Interval, mean_interval, share_interval, with_seeds
from cvgl_bench.scoring.statistics.spatial import Group, Spread
from cvgl_bench.scoring.statistics.strata import bin_rows
from cvgl_bench.scoring.statistics.summary import dependence_of

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

Floats = NDArray[np.float64]
Axis = Literal["decentrality", "border_m"]

BANDWIDTH = 0.05
"""Standard deviation of the Gaussian that smooths, as a part of the axis."""

GRID_STEPS = 50

FINE_STEPS = 200
"""Queries are summed in so many steps of the axis before smoothing."""

LEAST_SUPPORT = 20.0
"""The curve is drawn where the smoothing window holds at least so many queries' weight."""

LEAST_BIN_COUNT = 20
"""A bin with fewer queries does not serve for `edge_drop`."""

COMMON_END = 0.5
"""Decentrality up to which every data set of tiles has queries: their areas up to it can be compared."""


CURVE_NUMBERS = ("decentrality_from", "decentrality_to", "auc_decentrality", "auc_decentrality_half")
"""What sums up a smoothed curve."""


def decentrality_curve(
    outcomes: Sequence[Outcome],
    metric: Metric,
    *,
    axis: Axis = "decentrality",
    clusters: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return the axis, value, low and high: a metric's local-linear mean with its pointwise 95 % band.

    A line is fitted around each point of a grid with Gaussian weights and read off there, so that the curve
    is not drawn inwards at its ends as a weighted mean's is (J. Fan, Design-adaptive nonparametric
    regression, 1992). The range is that where enough queries lie; the frame is empty where that is nowhere.

    outcomes: one, or those of several seeds on the same queries. The curve is their mean; the band adds the
        variance between the seeds, of which a single run shows nothing.
    axis: decentrality, or metres to the nearest border of the tile.
    Raises UsageError for a metric that is not a mean.
    """
    if metric.aggregate != "mean":
        raise UsageError(f"'{metric.id}' is a {metric.aggregate}; curves are drawn of means, like recall@1.")
    outcome = outcomes[0]
    at = getattr(outcome, axis)
    values = np.stack([values_per_query(metric, each) for each in outcomes])
    kept = np.flatnonzero(~np.isnan(values).any(axis=0) & ~np.isnan(at))
    smoother = _smoother(at[kept], end=1.0 if axis == "decentrality" else float(at[kept].max(initial=0.0)))
    curves = np.stack([smoother.fitted(row) for row in values[:, kept]])
    if not len(smoother.grid):
        return pd.DataFrame({name: np.empty(0) for name in (axis, "value", "low", "high")})
    group = dependence_of(outcome, clusters).group(kept)
    mean, curve = values[:, kept].mean(axis=0), curves.mean(axis=0)
    residuals = mean - np.interp(at[kept], smoother.grid, curve)
    spreads = [
        with_seeds(_spread_at(point, smoother, residuals, group), curves[:, point].tolist())
        for point in range(len(curve))
    ]
    is_share = metric.unit == "%"
    curve = np.clip(curve, 0, 1) if is_share else curve
    ends = [_ends(float(v), spread, is_share=is_share) for v, spread in zip(curve, spreads, strict=True)]
    low, high = np.array(ends, np.float64).T
    return pd.DataFrame({axis: smoother.grid, "value": curve, "low": low, "high": high})


def decentrality_numbers(
    outcome: Outcome, metric: Metric, *, edges: Sequence[float]
) -> dict[str, float | None]:
    """Return what sums up a metric's dependence on decentrality; None where there are too few queries.

    decentrality_from, decentrality_to: the range of the smoothed curve.
    auc_decentrality: the area under it divided by the length of its range, so 1 for a perfect method; unlike
        the overall value it weighs every decentrality alike. Ranges differ between data sets, and with them
        this number, for one and the same curve.
    auc_decentrality_half: the same up to a decentrality of 0.5, which can be compared between data sets;
        None where the curve does not reach from 0 to there.
    edge_drop: the value in the innermost bin minus that in the outermost one, among bins of at least
        20 queries; None where there are not two.
    """
    at = outcome.decentrality
    values = values_per_query(metric, outcome)
    kept = ~np.isnan(values) & ~np.isnan(at)
    smoother = _smoother(at[kept], end=1.0)
    x, y = smoother.grid, smoother.fitted(values[kept])
    bins = np.where(np.isnan(values), -1, bin_rows(at, edges))
    means = [
        float(values[bins == row].mean())
        for row in range(len(edges) - 1)
        if np.count_nonzero(bins == row) >= LEAST_BIN_COUNT
    ]
    half = x <= COMMON_END + 1e-9
    reaches = len(x) > 1 and x[0] == 0 and x[-1] >= COMMON_END - 1e-9
    return {
        "decentrality_from": float(x[0]) if len(x) else None,
        "decentrality_to": float(x[-1]) if len(x) else None,
        "auc_decentrality": _mean_height(x, y),
        "auc_decentrality_half": _mean_height(x[half], y[half]) if reaches else None,
        "edge_drop": means[0] - means[-1] if len(means) > 1 else None,
    }


def _mean_height(x: Floats, y: Floats) -> float | None:
    return float(np.trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else None


@dataclass(frozen=True)
class _Smoother:
    """A linear smoother of values that lie in fine steps of an axis.

    grid (K,): where the curve is read off; steps (n,): of each value; kernel (K, steps): at least 0;
    weights (K, steps): what a value of each step adds to the curve.
    """

    grid: Floats
    steps: NDArray[np.int64]
    kernel: Floats
    weights: Floats

    def fitted(self, values: Floats) -> Floats:
        """Return the curve (K,) of values (n,)."""
        return self.weights @ np.bincount(self.steps, values, self.weights.shape[1])


def _spread_at(point: int, smoother: _Smoother, residuals: Floats, group: Group) -> Spread:
    """Return the spread of the curve at a point of the grid; as many clusters count as weigh there."""
    kernel = smoother.kernel[point, smoother.steps]
    deviations = smoother.weights[point, smoother.steps] * group.centred(residuals, kernel) * len(kernel)
    spread = group.spread_of_deviations(deviations, kernel)
    effective = int(kernel.sum() ** 2 / np.square(kernel).sum())
    return replace(spread, cluster_count=min(spread.cluster_count, max(1, effective)))


def _ends(value: float, spread: Spread, *, is_share: bool) -> Interval:
    """Return the ends of the band; a line that ends near 0 or 1 does not vary as a share of that size."""
    if is_share and not spread.variance:
        return share_interval(value, spread)
    low, high = mean_interval(value, spread)
    if low is None or high is None:
        return None, None
    return (max(0.0, low), min(1.0, high)) if is_share else (low, high)


def _smoother(at: Floats, *, end: float) -> _Smoother:
    """Return the local-linear smoother of values at `at` (n,), up to `end`, where enough of them lie."""
    width = end / FINE_STEPS if end > 0 else 1.0
    steps = np.floor(np.clip(at, 0, end) / width).astype(np.int64)
    count = int(steps.max(initial=0)) + 1
    centres = (np.arange(count) + 0.5) * width
    grid = np.linspace(0, end, GRID_STEPS + 1)
    grid = grid[grid <= count * width + end / GRID_STEPS / 2]
    distance = centres - grid[:, None]
    kernel = np.exp(-0.5 * (distance / (BANDWIDTH * end if end > 0 else 1.0)) ** 2)
    numbers = np.bincount(steps, minlength=count)
    supported = kernel @ numbers >= LEAST_SUPPORT
    grid, kernel, distance = grid[supported], kernel[supported], distance[supported]
    zeroth, first, second = (((kernel * distance**power) @ numbers)[:, None] for power in range(3))
    determinant = zeroth * second - first**2
    # Where all queries lie in one step, a line through them has no slope.
    sloped = determinant > 1e-9 * zeroth * second
    line = (second - first * distance) / np.where(sloped, determinant, 1.0)
    return _Smoother(grid, steps, kernel, kernel * np.where(sloped, line, 1 / zeroth))
