"""Chooses where the panoramas of a region are taken: on its streets, clear of cars and walls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.raster import Rasters
from cvgl_bench.minicity.scene import Kind
from cvgl_bench.minicity.streets import ACROSS, ALONG, StreetGrid
from cvgl_bench.minicity.traffic import LANE_M

Floats = NDArray[np.float64]

EVERY_M = 1.5
"""Candidates stand this far apart along a street."""
APART_M = 5.0
"""At most one panorama in a square of this side."""
CLEAR_M = (0.8, 1.7)
"""Radii around a panorama that must be bare road."""


def street_positions(grid: StreetGrid, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """Return candidates (N, 2) in metres, inside the rectangle, on the lanes and the middles of streets."""
    columns, rows = grid.window(low, high)
    found = [np.empty((0, 2))]
    for j in rows:
        for i in columns:
            for axis in (ALONG, ACROSS):
                street = grid.street(axis, i, j)
                if street is None:
                    continue
                span = street.end - street.start
                length_m = float(np.linalg.norm(span))
                along = span / length_m
                at_m = np.arange(rng.uniform(0, EVERY_M), length_m, EVERY_M)
                lanes_m = LANE_M * np.array(
                    [-0.5, 0.0, 0.5] if not street.avenue else [-1.5, -0.5, 0.0, 0.5, 1.5]
                )
                offset_m = rng.choice(lanes_m, len(at_m)) + rng.uniform(-0.4, 0.4, len(at_m))
                side = np.array([-along[1], along[0]])
                found.append(street.start + at_m[:, None] * along + offset_m[:, None] * side)
    places = np.concatenate(found)
    return places[np.all((places >= low) & (places < high), axis=1)]


def clear_of_obstacles(places: Floats, rasters: Rasters) -> NDArray[np.bool_]:
    """Return which positions (N, 2) in metres have nothing but road around them."""
    angle = np.arange(8) * np.pi / 4
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    probes = np.concatenate([[[0.0, 0.0]], *(ring * radius for radius in CLEAR_M)])
    cells = np.floor(rasters.canvas.cells(places[:, None] + probes)).astype(int)
    kinds = rasters.table.kind[rasters.ids[cells[..., 1], cells[..., 0]]]
    return np.all(kinds == Kind.ROAD, axis=1)


def spread(places: Floats, cell_m: float, count: int, rng: np.random.Generator) -> Floats:
    """Return up to `count` of the positions, as evenly over squares of `cell_m` as streets allow."""
    places = places[rng.permutation(len(places))]
    _, first = np.unique(np.floor(places / APART_M).astype(int), axis=0, return_index=True)
    apart = np.sort(first)
    order = np.concatenate([apart, np.setdiff1d(np.arange(len(places)), apart)])
    places = places[order]
    _, square = np.unique(np.floor(places / cell_m).astype(int), axis=0, return_inverse=True)
    square = square.ravel()
    grouped = np.argsort(square, kind="stable")
    turn = np.empty(len(places), int)
    turn[grouped] = np.arange(len(places)) - np.searchsorted(square[grouped], square[grouped])
    turn[len(apart) :] += len(places)
    return places[np.argsort(turn, kind="stable")[:count]]
