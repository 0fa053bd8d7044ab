"""Quadrilaterals on the ground: inset, rounded, and a block's own pair of axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AFTER, BEFORE = np.array([1, 2, 3, 0]), np.array([3, 0, 1, 2])
"""Neighbours of a quad's corners."""


def cross(a: Floats, b: Floats) -> Floats:
    """Return the z component of the cross product of (..., 2) vectors."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def inward_normals(quad: Floats) -> Floats:
    """Return the unit normals of the four edges, (4, 2), pointing into the convex (4, 2) quad."""
    edge = quad[AFTER] - quad
    length_m = np.maximum(np.hypot(edge[:, 0], edge[:, 1]), 1e-9)
    turn = 1.0 if cross(edge[0], edge[1]) >= 0 else -1.0
    return edge[:, ::-1] * (turn / length_m)[:, None] * (-1.0, 1.0)


def edge_lengths(quad: Floats) -> Floats:
    """Return the lengths (4,) of the edges."""
    edge = quad[AFTER] - quad
    return np.hypot(edge[:, 0], edge[:, 1])


def inset(quad: Floats, by_m: float | Floats) -> Floats | None:
    """Return the (4, 2) quad with its edges moved inwards by `by_m` (one value or four), or None.

    Edge k runs from corner k to corner k + 1. None where the edges meet and nothing is left.
    """
    edge = quad[AFTER] - quad
    start = quad + inward_normals(quad) * np.asarray(by_m, np.float64).reshape(-1, 1)
    before, origin = edge[BEFORE], start[BEFORE]
    slant = cross(before, edge)
    if np.any(np.abs(slant) < 1e-6):
        return None
    moved = origin + before * (cross(start - origin, edge) / slant)[:, None]
    kept = ((moved[AFTER] - moved) * edge).sum(1)
    return moved if np.all(kept > 1.0) else None


def rounded(quad: Floats, radius_m: float) -> Floats:
    """Return the quad with its corners rounded, (20, 2)."""
    t = np.linspace(0, 1, 5)[:, None]
    after, before = np.roll(quad, -1, axis=0), np.roll(quad, 1, axis=0)
    corners = []
    for corner, a, b in zip(quad, before, after, strict=True):
        p = corner + (a - corner) * min(0.45, radius_m / max(float(np.linalg.norm(a - corner)), 1e-9))
        q = corner + (b - corner) * min(0.45, radius_m / max(float(np.linalg.norm(b - corner)), 1e-9))
        corners.append((1 - t) ** 2 * p + 2 * t * (1 - t) * corner + t**2 * q)
    return np.concatenate(corners)


def ribbon(a: Floats, b: Floats, width_m: float) -> Floats:
    """Return the (..., 4, 2) rectangles of the given width around the segments from `a` to `b`, (..., 2)."""
    along = b - a
    half = width_m / 2 / np.maximum(np.hypot(along[..., 0], along[..., 1]), 1e-9)
    normal = along[..., ::-1] * half[..., None] * (-1.0, 1.0)
    out = np.empty((*normal.shape[:-1], 4, 2))
    out[..., 0, :], out[..., 1, :], out[..., 2, :], out[..., 3, :] = (
        a + normal,
        b + normal,
        b - normal,
        a - normal,
    )
    return out


class Plot:
    """A convex quad with its own axes in metres: p from corner 0 to 1, q from corner 0 to 3 (bilinear)."""

    def __init__(self, corners: Floats) -> None:
        self.corners = np.asarray(corners, np.float64)
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self.corners.tolist()
        self.width_m = (math.hypot(bx - ax, by - ay) + math.hypot(dx - cx, dy - cy)) / 2
        self.depth_m = (math.hypot(cx - bx, cy - by) + math.hypot(dx - ax, dy - ay)) / 2
        twist = (ax - bx + cx - dx, ay - by + cy - dy)
        self._terms = ((ax, bx - ax, dx - ax, twist[0]), (ay, by - ay, dy - ay, twist[1]))

    def turned(self) -> Plot:
        """Return the same plot with p along the second edge."""
        return Plot(self.corners[AFTER])

    def _one(self, s: float, t: float) -> tuple[float, float]:
        (x, xs, xt, xst), (y, ys, yt, yst) = self._terms
        return x + s * xs + t * xt + s * t * xst, y + s * ys + t * yt + s * t * yst

    def at(self, p_m: float, q_m: float) -> Floats:
        """Return the map position (2,), in metres, of a plot position."""
        return np.array(self._one(p_m / self.width_m, q_m / self.depth_m))

    def quad(self, p0_m: float, p1_m: float, q0_m: float, q1_m: float) -> Floats:
        """Return the corners (4, 2) of a rectangle in plot axes; edge 0 is the side at q0."""
        s0, s1, t0, t1 = p0_m / self.width_m, p1_m / self.width_m, q0_m / self.depth_m, q1_m / self.depth_m
        return np.array([self._one(s0, t0), self._one(s1, t0), self._one(s1, t1), self._one(s0, t1)])

    def plot(self, p0_m: float, p1_m: float, q0_m: float, q1_m: float) -> Plot:
        """Return a rectangle in plot axes as a plot of its own."""
        return Plot(self.quad(p0_m, p1_m, q0_m, q1_m))
