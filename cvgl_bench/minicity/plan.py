"""Draws the vector scene of any rectangle of a city."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.blocks import add_block
from cvgl_bench.minicity.scene import Scene
from cvgl_bench.minicity.streets import ACROSS, ALONG, StreetGrid
from cvgl_bench.minicity.traffic import StreetPainter

Floats = NDArray[np.float64]

ROAD_GRAIN = 0.1


def draw_scene(grid: StreetGrid, low: Floats, high: Floats, visits: Sequence[int]) -> Scene:
    """Return all of the city that may reach into a rectangle, with the cars of some visits.

    low, high: the rectangle's corners (x, y) in metres. visits: their keys.
    """
    scene = Scene(grid.style.asphalt, ROAD_GRAIN)
    columns, rows = grid.window(low, high)
    places = [(i, j) for j in rows for i in columns if _near(grid, i, j, low, high)]
    for i, j in places:
        add_block(scene, grid, i, j, visits=visits)
    painter = StreetPainter(scene, grid, visits=visits)
    for i, j in places:
        for axis in (ALONG, ACROSS):
            painter.add(axis, i, j)
    return scene


def _near(grid: StreetGrid, i: int, j: int, low: Floats, high: Floats) -> bool:
    corners, _ = grid.block(i, j)
    slack_m = grid.style.avenue_m
    return bool(np.all(corners.max(0) > low - slack_m) and np.all(corners.min(0) < high + slack_m))
