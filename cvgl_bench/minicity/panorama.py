"""Equirectangular street views by casting rays over the height raster, trees as sprites on top.

Rays of one image column share a heading, so a column sees its walls and roofs as runs of pixels: one
run for each sample of the height raster that rises over all samples before it. What no run covers is
ground below the horizon and sky above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvgl_bench.minicity.facade import WallRuns, wall_colours
from cvgl_bench.minicity.ground import GroundView
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.raster import Rasters
from cvgl_bench.minicity.scene import Tree
from cvgl_bench.minicity.sky import Sky
from cvgl_bench.minicity.sprites import TreeView
from cvgl_bench.minicity.view import SIGHT_M, View

Array = NDArray[np.float32]

NEAR_STEP_M, FAR_STEP_M = 0.22, 0.9
"""Spacing of the samples along a ray, at its start and at its end."""
LOW_M = 0.05
"""What is lower is ground."""
OUTSIDE_WALL_M = 0.35
"""The shadow on a wall is looked up this far in front of it."""


def _distances() -> Array:
    steps, distance = [], 0.5
    while distance < SIGHT_M:
        steps.append(distance)
        distance += NEAR_STEP_M + (FAR_STEP_M - NEAR_STEP_M) * (distance / SIGHT_M) ** 1.2
    return np.array(steps, np.float32)


@dataclass(frozen=True)
class _Runs:
    """Runs of pixels of one column that end on the same sample; one entry per run."""

    column: NDArray[np.intp]
    first_row: NDArray[np.int32]
    rows: NDArray[np.int32]
    cell: NDArray[np.int32]
    """Flat raster index of the sample."""
    solid: NDArray[np.int32]
    top_m: Array
    near_m: Array
    """Distance of the sample before; the ray passed it."""
    far_m: Array
    entering: NDArray[np.bool_]
    """Whether the sample before was not on the same solid, so that its wall stands between."""


class StreetCamera:
    """Renders panoramas of one region; north is in the centre column, columns run west, north, east."""

    def __init__(self, view: View, sky: Sky, light: Light, rasters: Rasters, trees: list[Tree]) -> None:
        self.view, self.light, self.rasters = view, light, rasters
        self._sky = sky
        self._ground = GroundView(self.view, rasters)
        self._trees = TreeView(self.view, trees, rasters, self.light)
        self._distances = _distances()
        self._edges = _Edges(rasters.table.corners)

    def shoot(self, x_m: float, y_m: float, rng: np.random.Generator) -> Image.Image:
        """Return the panorama from a position in metres, with an exposure of its own."""
        view = self.view
        origin = np.array([x_m, y_m])
        image = np.empty((view.rows, view.columns, 3), np.float32)
        depth = self._ground.depth.copy()
        image[: view.horizon] = self._sky.draw(rng)
        image[view.horizon :] = self._ground.draw(origin)
        self._add_solids(image.reshape(-1, 3), depth.reshape(-1), self._march(origin), origin)
        self._trees.add(image, depth, origin)
        image *= (rng.uniform(0.9, 1.1) * rng.uniform(0.97, 1.03, 3)).astype(np.float32)
        np.clip(image, 0, 255, out=image)
        return Image.fromarray(image.astype(np.uint8)).reduce((1, self.view.rays_per_row))

    def _march(self, origin: NDArray[np.float64]) -> _Runs:
        """Return what the rays from a position in metres run into."""
        view, canvas = self.view, self.rasters.canvas
        start = canvas.cells(origin).astype(np.float32)
        reach = self._distances / np.float32(canvas.m_per_cell)
        cells = (start[1] + view.heading[:, 1:] * reach).astype(np.int32)
        cells *= canvas.width
        cells += (start[0] + view.heading[:, :1] * reach).astype(np.int32)
        height_m = self.rasters.height_cm.ravel().take(cells) * np.float32(0.01)
        tangent = (height_m - np.float32(view.eye_m)) / self._distances
        np.maximum.accumulate(tangent, axis=1, out=tangent)
        row = np.ceil(np.arctan(tangent) * np.float32(-view.rows / np.pi) + np.float32(view.rows / 2 - 0.5))
        first = np.empty((view.columns, len(reach) + 1), np.int32)
        first[:, 0] = view.rows
        first[:, 1:] = row
        column, step = np.nonzero((first[:, 1:] < first[:, :-1]) & (height_m > LOW_M))
        cell = cells[column, step]
        before = np.maximum(step - 1, 0)
        ids, table = self.rasters.ids.ravel(), self.rasters.table
        solid = table.solid[ids[cell]]
        return _Runs(
            column,
            first[column, step + 1],
            first[column, step] - first[column, step + 1],
            cell,
            solid,
            height_m[column, step],
            self._distances[before],
            self._distances[step],
            table.solid[ids[cells[column, before]]] != solid,
        )

    def _add_solids(self, image: Array, depth: Array, runs: _Runs, origin: NDArray[np.float64]) -> None:
        """Draw buildings, cars and hedges into the flat image (H * W, 3) and depth (H * W)."""
        view = self.view
        walls, entry_m = self._walls(runs, origin)
        run = np.repeat(np.arange(len(runs.rows)), runs.rows)
        starts = np.cumsum(runs.rows) - runs.rows
        row = np.arange(len(run)) + (runs.first_row - starts)[run]
        pixel = row * view.columns + runs.column[run]
        height_m = view.eye_m + view.slope[row] * entry_m[run]
        sideways = runs.entering[run] & (height_m <= runs.top_m[run] + LOW_M)
        level, wall = np.flatnonzero(~sideways), np.flatnonzero(sideways)
        colour = np.empty((len(run), 3), np.float32)
        colour[level] = self.rasters.lit.reshape(-1, 4)[runs.cell, :3].astype(np.float32)[run[level]]
        height_m = np.maximum(height_m[wall], 0)
        colour[wall] = wall_colours(walls, run[wall], height_m, self.rasters.table, self.light)
        clear = view.clearness(entry_m)[run][:, None]
        image[pixel] = view.haze + (colour - view.haze) * clear
        depth[pixel] = entry_m[run]

    def _walls(self, runs: _Runs, origin: NDArray[np.float64]) -> tuple[WallRuns, Array]:
        """Return where each run enters the convex solid that stopped it, and how far that is."""
        edges, solid = self._edges, runs.solid
        heading = self.view.heading[runs.column]
        outward = edges.outward[solid]
        approach = outward[..., 0] * heading[:, :1] + outward[..., 1] * heading[:, 1:]
        towards = edges.plane_m[solid] - outward @ origin.astype(np.float32)
        entry = np.where(approach < -1e-5, towards / np.minimum(approach, -1e-5), -np.inf)
        n, edge = np.arange(len(solid)), entry.argmax(1)
        entry_m = np.clip(entry[n, edge], runs.near_m, runs.far_m)
        point = heading * entry_m[:, None] + origin.astype(np.float32)
        length_m, outward = edges.length_m[solid, edge], outward[n, edge]
        from_corner = point - edges.start[solid, edge]
        along_m = np.clip(np.einsum("ni,ni->n", from_corner, edges.along[solid, edge]), 0, length_m)
        pixel_m = entry_m * self.view.pixel_rad / np.maximum(np.abs(approach[n, edge]), 0.15)
        cells = self.rasters.canvas.cells(point + outward * OUTSIDE_WALL_M).astype(np.int32)
        shadow_m = self.rasters.shadow_cm[cells[:, 1], cells[:, 0]] * np.float32(0.01)
        return WallRuns(solid, edge, along_m, length_m, outward, pixel_m, shadow_m), entry_m


class _Edges:
    """The edges of all solids as directed lines, (N, 4, ...), in metres."""

    def __init__(self, corners: Array) -> None:
        self.start = corners
        edge = np.roll(corners, -1, axis=1) - corners
        self.length_m = np.maximum(np.hypot(edge[..., 0], edge[..., 1]), 1e-6)
        self.along = edge / self.length_m[..., None]
        turn = np.sign(edge[:, 0, 0] * edge[:, 1, 1] - edge[:, 0, 1] * edge[:, 1, 0])[:, None, None]
        self.outward = np.stack([self.along[..., 1], -self.along[..., 0]], axis=-1) * turn
        self.plane_m = np.einsum("nki,nki->nk", self.outward, corners)
