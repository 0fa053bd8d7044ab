"""Pools of neighbouring references for every query: by position, or by what the network confuses.

A pool is int64 (Q, P): rows of references, nearest first, without the query's own reference, padded
with -1. Unless told otherwise it belongs to the query, so several queries of one reference each keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.geo import EARTH_RADIUS_M, Floats, unit_vectors

Rows = NDArray[np.int64]

NeighbourMetric = Literal["great-circle", "degrees-as-radians"]
"""By which geographic neighbours are near.

degrees-as-radians: the haversine of coordinates whose degrees are taken for radians, as in the published
code of Sample4Geo: a third to nearly all of the neighbours are right, by latitude.
"""

NeighbourOwner = Literal["query", "reference"]
"""Whether every query has a pool of its own, or all queries of a reference share one (published code)."""

LEAF_QUERIES = 64
"""Queries that are searched together."""

SLACK_M = 1.0
"""Covers the rounding of distances that are taken over the Earth's radius, 0.1 m at most."""


def gps_neighbours(
    query_position: Floats,
    reference_position: Floats,
    *,
    truth: Rows,
    pool: int,
    metric: NeighbourMetric = "great-circle",
    owner: NeighbourOwner = "query",
) -> Rows:
    """Return each query's `pool` nearest references by the distance to their centres.

    query_position: (Q, 2), reference_position: (R, 2), latitude and longitude in degrees, float64.
    owner: 'reference' measures from the centre of the query's own reference.
    truth: (Q,) row of each query's own reference, which is left out, as are references that hold no
    query and so never enter a batch. The pool is narrower where there are fewer references.
    """
    if owner == "reference":
        query_position = reference_position[truth]
    if metric == "degrees-as-radians":
        query_position, reference_position = np.degrees(query_position), np.degrees(reference_position)
    used = np.unique(truth)
    queries = EARTH_RADIUS_M * unit_vectors(query_position[:, 0], query_position[:, 1])
    references = EARTH_RADIUS_M * unit_vectors(reference_position[used, 0], reference_position[used, 1])
    width = min(pool + 1, len(used))
    nearest = np.empty((len(queries), width), np.int64)
    for leaf in _leaves(queries):
        nearest[leaf] = used[_nearest_in_leaf(queries[leaf], references, width)]
    return similar_neighbours(nearest, truth=truth, pool=pool)


def similar_neighbours(
    nearest_rows: Rows, *, truth: Rows, pool: int, owner: NeighbourOwner = "query"
) -> Rows:
    """Return each query's `pool` first references other than its own.

    nearest_rows: (Q, K) rows of references, best first, -1 for none; K of `pool` + 1 is always enough.
    owner: with 'reference' the last query of a reference gives the pool for all queries of it.
    """
    if owner == "reference":
        last = np.zeros(truth.max() + 1, np.int64)
        # Of several assignments to one place NumPy keeps the last.
        last[truth] = np.arange(len(truth))
        nearest_rows = nearest_rows[last[truth]]
    others = (nearest_rows != truth[:, None]) & (nearest_rows >= 0)
    order = np.argsort(~others, axis=1, kind="stable")[:, :pool]
    return np.take_along_axis(np.where(others, nearest_rows, -1), order, axis=1)


def _leaves(points: Floats) -> Iterator[Rows]:
    """Halve the points along their widest axis until each part is small; yield the parts' rows."""
    parts = [np.arange(len(points))]
    while parts:
        rows = parts.pop()
        if len(rows) <= LEAF_QUERIES:
            if len(rows):
                yield rows
            continue
        axis = np.argmax(np.ptp(points[rows], axis=0))
        rows = rows[np.argpartition(points[rows, axis], len(rows) // 2)]
        parts += [rows[: len(rows) // 2], rows[len(rows) // 2 :]]


def _nearest_in_leaf(queries: Floats, references: Floats, count: int) -> Rows:
    """Return the `count` nearest references of each query by chord, which orders as the great circle.

    With r the leaf's radius and d the distance from its centre to the `count`-th nearest reference,
    every query has `count` references within d + r, so none farther than d + 2 r from the centre can
    matter. The distances among those that remain are taken from the centre, where products of
    float64 numbers lose nothing.
    """
    centre = queries.mean(axis=0)
    radius = np.sqrt(((queries - centre) ** 2).sum(axis=1).max())
    squares = EARTH_RADIUS_M**2 + centre @ centre - 2 * references @ centre
    farthest = np.sqrt(max(np.partition(squares, count - 1)[count - 1], 0))
    near = np.flatnonzero(squares <= (farthest + 2 * radius + SLACK_M) ** 2)
    queries, references = queries - centre, references[near] - centre
    squares = (references**2).sum(axis=1) - 2 * queries @ references.T
    if len(near) > count:
        part = np.argpartition(squares, count - 1, axis=1)[:, :count]
    else:
        part = np.broadcast_to(np.arange(len(near)), squares.shape)
    order = np.argsort(np.take_along_axis(squares, part, axis=1), axis=1, kind="stable")
    return near[np.take_along_axis(part, order, axis=1)]
