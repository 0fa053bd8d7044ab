"""The nearest of many places, without a distance matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.geo import EARTH_RADIUS_M, turn_deg

Floats = NDArray[np.float64]

BLOCK = 256
FIRST_RADIUS_M = 100.0


def plane_m(lat: Floats, lon: Floats, *, about: tuple[float, float]) -> Floats:
    """Return (N, 2), metres east and north of a place: true to 0.1 % within a city."""
    east = np.radians(turn_deg(about[1], lon)) * np.cos(np.radians(about[0]))
    return np.stack([east, np.radians(lat - about[0])], axis=1) * EARTH_RADIUS_M


def nearest_m(points: Floats, others: Floats, *, skip_self: bool = False) -> Floats:
    """Return (N,) distances from each of `points` (N, D) to the nearest of `others` (M, D), in metres.

    skip_self: leave out the point itself, where both are one table. Others are sorted by their first
    coordinate, so that a block of points is compared with a strip of them.
    """
    count = len(others) - skip_self
    if count < 1 or not len(points):
        return np.full(len(points), np.nan)
    order, other_order = np.argsort(points[:, 0]), np.argsort(others[:, 0])
    strip = others[other_order]
    found = np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        rows = order[start : start + BLOCK]
        found[rows] = _nearest_in_strip(points[rows], strip, rows if skip_self else None, other_order)
    return found


def _nearest_in_strip(
    points: Floats, strip: Floats, own: NDArray[np.int64] | None, strip_rows: NDArray[np.int64]
) -> Floats:
    low, high = points[0, 0], points[-1, 0]
    radius_m = FIRST_RADIUS_M
    while True:
        first, last = np.searchsorted(strip[:, 0], [low - radius_m, high + radius_m])
        squared = ((points[:, None] - strip[None, first:last]) ** 2).sum(axis=2)
        if own is not None:
            squared[own[:, None] == strip_rows[None, first:last]] = np.inf
        best = np.sqrt(squared.min(axis=1, initial=np.inf))
        if best.max() <= radius_m or last - first == len(strip):
            return best
        radius_m *= 4
