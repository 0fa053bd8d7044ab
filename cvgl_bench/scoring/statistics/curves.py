"""A metric against decentrality: the smoothed curve with its band, and the numbers that sum it up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.metrics import Metric, values_per_query
from cvgl_bench.scoring.statistics.bootstrap import draw_clusters
from cvgl_bench.scoring.statistics.intervals import CONFIDENCE
from cvgl_bench.scoring.statistics.strata import bin_rows
from cvgl_bench.scoring.statistics.summary import RESAMPLES, clusters_of

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

Floats = NDArray[np.float64]

BANDWIDTH = 0.05
"""Standard deviation of the Gaussian that smooths over decentrality."""

GRID_STEP = 0.02

FINE_STEP = 0.005
"""Queries are summed in steps of decentrality this fine before smoothing."""

LEAST_SUPPORT = 20.0
"""The curve is drawn where the smoothing window holds at least so many queries' weight."""

LEAST_BIN_COUNT = 20
"""A bin with fewer queries does not serve for `edge_drop`."""


def decentrality_curve(
    outcomes: Sequence[Outcome],
    metric: Metric,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    clusters: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Return decentrality, value, low and high: the smoothed mean of a metric with its 95 % band.

    A Gaussian-weighted mean on a grid, over the range of decentrality where enough queries lie; the
    band is pointwise, from the bootstrap over clusters. Empty where no range has enough queries.
    Raises UsageError for a metric that is not a mean.

    outcomes: one, or those of several seeds on the same queries, whose values are averaged query by
    query; the band speaks of the queries, not of the spread between the seeds.
    """
    if metric.aggregate != "mean":
        raise UsageError(f"'{metric.id}' is a {metric.aggregate}; curves are drawn of means, like recall@1.")
    outcome = outcomes[0]
    values = np.mean([values_per_query(metric, each) for each in outcomes], axis=0)
    kept = np.flatnonzero(~np.isnan(values) & ~np.isnan(outcome.decentrality))
    fine = np.floor(np.clip(outcome.decentrality[kept], 0, 1) / FINE_STEP).astype(np.int64)
    grid, kernel = _kernel(int(fine.max(initial=0)) + 1)
    support = kernel @ np.bincount(fine, minlength=kernel.shape[1])
    grid, kernel = grid[support >= LEAST_SUPPORT], kernel[support >= LEAST_SUPPORT]
    if not len(grid):
        return pd.DataFrame({name: np.empty(0) for name in ("decentrality", "value", "low", "high")})
    numbers = clusters_of(outcome, clusters)
    generator = np.random.default_rng(seed)
    drawn = np.array(
        [
            _smooth(
                values[kept], fine, draw_clusters(numbers.max() + 1, 1, generator)[numbers[kept], 0], kernel
            )
            for _ in range(resamples)
        ]
    )
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    value = _smooth(values[kept], fine, np.ones(len(kept)), kernel)
    return pd.DataFrame({"decentrality": grid, "value": value, "low": low, "high": high})


def decentrality_numbers(
    outcome: Outcome, metric: Metric, *, edges: Sequence[float]
) -> dict[str, float | None]:
    """Return `auc_decentrality` and `edge_drop` of a metric.

    auc_decentrality: the area under the smoothed curve divided by the length of its range, so 1 for a
        perfect method; unlike the overall value it weighs every decentrality alike.
    edge_drop: the value in the innermost bin minus that in the outermost one, among bins of at least
        20 queries; None where there are not two.
    """
    curve = decentrality_curve([outcome], metric, resamples=1)
    x, y = curve["decentrality"].to_numpy(), curve["value"].to_numpy()
    area = float(np.trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else None
    values = values_per_query(metric, outcome)
    bins = np.where(np.isnan(values), -1, bin_rows(outcome.decentrality, edges))
    means = [
        float(values[bins == row].mean())
        for row in range(len(edges) - 1)
        if np.count_nonzero(bins == row) >= LEAST_BIN_COUNT
    ]
    return {"auc_decentrality": area, "edge_drop": means[0] - means[-1] if len(means) > 1 else None}


def _kernel(count: int) -> tuple[Floats, Floats]:
    """Return the grid (G,) and the weight of each fine step at each grid point (G, count)."""
    centres = (np.arange(count) + 0.5) * FINE_STEP
    grid = np.arange(0, count * FINE_STEP + GRID_STEP / 2, GRID_STEP)
    return grid, np.exp(-0.5 * ((grid[:, None] - centres) / BANDWIDTH) ** 2)


def _smooth(values: Floats, fine: NDArray[np.int64], weights: NDArray[np.float64], kernel: Floats) -> Floats:
    """Return the weighted means (G,); NaN where a redraw leaves no query."""
    sums = kernel @ np.bincount(fine, weights * values, kernel.shape[1])
    counts = kernel @ np.bincount(fine, weights, kernel.shape[1])
    return np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
