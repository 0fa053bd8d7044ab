"""Exact medians of redrawn samples, found in a window of ranks about the median of the sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

WINDOW_DEVIATIONS = 6.0
"""Half-width of the window in standard deviations of the rank that redrawing gives the median."""


class Window:
    """The values of a sample among which its resampled medians lie, and their clusters.

    A redraw outside the window is searched in the whole sample, so the width costs only time.

    floor: values below it are under the window; whoever holds the sums by cluster counts them.
    """

    def __init__(self, values: Floats, clusters: Rows) -> None:
        order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
        self.sorted_values, self.sorted_clusters = values[order], clusters[order]
        count = len(order)
        halves = np.where(np.arange(count) < count // 2, 0.5, -0.5)
        imbalance = np.bincount(self.sorted_clusters, halves)
        reach = int(np.ceil(WINDOW_DEVIATIONS * np.sqrt(np.square(imbalance).sum()))) + 1
        self.floor = self.sorted_values[max(0, count // 2 - reach)] if count else np.nan
        # Values equal to the floor are all inside, wherever the ranks would cut between them.
        self.start = int(np.searchsorted(self.sorted_values, self.floor))
        self.stop = count // 2 + reach + 1

    def median(self, weights: NDArray[np.uint8], counts: Floats, below: Floats) -> Floats:
        """Return the medians (B,), each the mean of the two middle values; NaN of nothing.

        weights: (clusters, B), how often each cluster is drawn; counts, below: (B,) numbers of redrawn
        values in all and under the window.
        """
        medians, missed = self._search(slice(self.start, self.stop), weights, counts, below)
        if missed.any():
            none_below = np.zeros(np.count_nonzero(missed))
            medians[missed], _ = self._search(slice(None), weights[:, missed], counts[missed], none_below)
        return medians

    def _search(
        self, window: slice, weights: NDArray[np.uint8], counts: Floats, below: Floats
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the medians (B,), and whether the window missed them."""
        values = self.sorted_values[window]
        if not len(values):
            return np.full(len(counts), np.nan), np.zeros(len(counts), bool)
        drawn = weights[self.sorted_clusters[window]]
        reached = np.cumsum(drawn, axis=0, dtype=np.int32) + below.astype(np.int32)
        middle_ranks = np.stack([(counts - 1) // 2, counts // 2]).astype(np.int32)
        lower, upper = ((reached <= ranks).sum(axis=0) for ranks in middle_ranks)
        missed = (counts > 0) & ((upper == len(values)) | (below > middle_ranks[0]))
        last = len(values) - 1
        medians = (values[np.minimum(lower, last)] + values[np.minimum(upper, last)]) / 2
        medians[counts == 0] = np.nan
        return medians, missed
