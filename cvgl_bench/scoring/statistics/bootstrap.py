"""Bootstrap over clusters of queries: all metrics and strata from one draw, in blocks of resamples.

Queries of one place see the same street and the same tiles, so they succeed and fail together;
drawing them one by one would make the intervals too narrow. Whole clusters are drawn instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.scoring.statistics.medians import Window

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Weights = NDArray[np.uint8]
Aggregate = Literal["mean", "median"]

BLOCK_ELEMENTS = 16_000_000
"""Clusters times resamples drawn at a time; keeps the memory near 100 MB."""

ONE_THREAD_PRODUCT = 2**18
"""Multiplications up to which OpenBLAS does not share out a matrix product."""

COLUMNS = 64
"""Resamples in a piece of a matrix product."""


def number_clusters(labels: NDArray[np.int64]) -> Rows:
    """Return cluster labels as numbers from 0 without gaps."""
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def aggregate_values(values: Floats, aggregate: Aggregate) -> float:
    """Return the mean or median of at least one value."""
    return float(np.mean(values) if aggregate == "mean" else np.median(values))


def bootstrap(
    values: Floats,
    aggregates: Sequence[Aggregate],
    *,
    clusters: Rows,
    strata: Sequence[Rows],
    resamples: int,
    seed: int,
) -> Floats:
    """Return float64 (M, strata, resamples): each metric in each stratum under redrawn clusters.

    NaN where a redraw leaves nothing to aggregate. Calls with equal clusters, resamples and seed
    draw alike, so that differences between their results are paired.

    values: float64 (M, Q), NaN where undefined; clusters: int64 (Q,), numbered from 0 without gaps;
    strata: rows of the queries in each stratum; they may overlap.
    """
    generator = np.random.default_rng(seed)
    cluster_count = int(clusters.max(initial=-1)) + 1
    tables = _Tables(values, aggregates, clusters, strata)
    result = np.full((len(aggregates), len(strata), resamples), np.nan)
    step = max(1, min(resamples, BLOCK_ELEMENTS // max(cluster_count, 1)))
    for start in range(0, resamples if cluster_count else 0, step):
        count = min(step, resamples - start)
        weights = draw_clusters(cluster_count, count, generator)
        result[:, :, start : start + count] = tables.resampled(weights)
    return result


def draw_clusters(cluster_count: int, resamples: int, generator: np.random.Generator) -> Weights:
    """Return uint8 (cluster_count, resamples): how often each redraw took each cluster.

    Up to 255 clusters a count cannot exceed 255; with more, the chance that one does is below 1e-200.
    """
    weights = np.empty((cluster_count, resamples), np.uint8)
    for column in range(resamples):
        drawn = generator.integers(cluster_count, size=cluster_count, dtype=np.uint32)
        weights[:, column] = np.bincount(drawn, minlength=cluster_count)
    return weights


class _Tables:
    """Every metric summed by stratum and cluster, so that a resample is a matrix product."""

    def __init__(
        self, values: Floats, aggregates: Sequence[Aggregate], clusters: Rows, strata: Sequence[Rows]
    ) -> None:
        self.shape = len(values), len(strata)
        defined = ~np.isnan(values)
        # Metrics are mostly defined for the same queries, whose number is then summed only once.
        numbers = {mask.tobytes(): number for number, mask in enumerate(defined)}
        masks = defined[list(numbers.values())]
        self.mask_of = [list(numbers).index(mask.tobytes()) for mask in defined]
        self.means = [row for row, aggregate in enumerate(aggregates) if aggregate == "mean"]
        self.medians = [row for row, aggregate in enumerate(aggregates) if aggregate == "median"]
        self.windows = {
            (row, column): Window(values[row, rows], clusters[rows])
            for row in self.medians
            for column, rows in enumerate(strata)
        }
        shared = np.concatenate([masks, np.nan_to_num(values[self.means])])
        self.cells = []
        for rows, columns in disjoint_cells(strata, values.shape[1]):
            below = [
                values[row, rows] < self.windows[row, column].floor
                for row in self.medians
                for column in columns
            ]
            table = np.concatenate([shared[:, rows], np.array(below, float).reshape(-1, len(rows))])
            self.cells.append((_Cell(table, clusters[rows]), columns))
        self.mask_count = len(masks)

    def resampled(self, weights: Weights) -> Floats:
        """Return float64 (M, strata, B), the metrics under each column of `weights` (clusters, B)."""
        metrics, strata = self.shape
        shared_count = self.mask_count + len(self.means)
        shared = np.zeros((shared_count, strata, weights.shape[1]))
        below = np.zeros((len(self.medians), strata, weights.shape[1]))
        for cell, columns in self.cells:
            sums = cell.resampled(weights)
            shared[:, columns] += sums[:shared_count, None]
            below[:, columns] += sums[shared_count:].reshape(
                len(self.medians), len(columns), weights.shape[1]
            )
        counts, sums = shared[self.mask_of], shared[self.mask_count :]
        result = np.full((metrics, strata, weights.shape[1]), np.nan)
        divisors = counts[self.means]
        result[self.means] = np.divide(sums, divisors, out=np.full(sums.shape, np.nan), where=divisors > 0)
        for place, row in enumerate(self.medians):
            for column in range(strata):
                window = self.windows[row, column]
                result[row, column] = window.median(weights, counts[row, column], below[place, column])
        return result


class _Cell:
    """Queries that belong to the same strata, summed by cluster."""

    def __init__(self, table: Floats, clusters: Rows) -> None:
        self.clusters, numbers = np.unique(clusters, return_inverse=True)
        by_cluster = np.stack([np.bincount(numbers, row, len(self.clusters)) for row in table])
        # Whole numbers are exact in float32, and so are their sums; other values need float64.
        self.fractional = (by_cluster % 1 != 0).any(axis=1)
        self.whole_sums = by_cluster[~self.fractional].astype(np.float32)
        self.fractional_sums = by_cluster[self.fractional]

    def resampled(self, weights: Weights) -> Floats:
        """Return float64 (rows of the table, B), their sums over the redrawn clusters."""
        drawn = weights[self.clusters]
        sums = np.empty((len(self.fractional), weights.shape[1]))
        sums[~self.fractional] = _product(self.whole_sums, drawn.astype(np.float32))
        if self.fractional.any():
            sums[self.fractional] = _product(self.fractional_sums, drawn.astype(np.float64))
        return sums


def _product(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Return left @ right in pieces that the linear algebra library keeps on the calling thread.

    The product is too flat to gain from threads, and on a busy machine waiting for them at each of
    many calls takes ten times as long as the work.
    """
    result = np.zeros((len(left), right.shape[1]), left.dtype)
    depth = max(1, ONE_THREAD_PRODUCT // (len(left) * COLUMNS))
    for column in range(0, right.shape[1], COLUMNS):
        part = slice(column, column + COLUMNS)
        for start in range(0, len(right), depth):
            result[:, part] += left[:, start : start + depth] @ right[start : start + depth, part]
    return result


def disjoint_cells(strata: Sequence[Rows], count: int) -> list[tuple[Rows, Rows]]:
    """Return the sets of rows that belong to the same strata, each with the numbers of these strata."""
    member = np.zeros((count, len(strata)), bool)
    for column, rows in enumerate(strata):
        member[rows, column] = True
    if not member.any():
        return []
    packed = np.packbits(member, axis=1)
    pattern = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    order = np.argsort(pattern, kind="stable")
    bounds = np.flatnonzero(pattern[order][1:] != pattern[order][:-1]) + 1
    groups = np.split(order, bounds)
    return [(rows, np.flatnonzero(member[rows[0]])) for rows in groups if member[rows[0]].any()]
