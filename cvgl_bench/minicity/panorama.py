"""Equirectangular street views by casting rays over the height raster, trees as sprites on top.

Rays of one image column share a heading, so a column sees its walls and roofs as runs of pixels: one
run for each sample of the height raster that rises over all samples before it. What no run covers is
ground below the horizon and sky above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.facade import Facades, Paint, WallRuns
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
LEVEL_FROM_M = np.float32(-9e9)
"""All of a run that does not enter a solid is its top."""
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
        self._per_distance = 1 / self._distances
        reach = self._distances / np.float32(rasters.canvas.m_per_cell)
        self._east, self._south = (view.heading[:, axis : axis + 1] * reach for axis in (0, 1))
        self._edges = _Edges(rasters.table.corners)

    def shoot(self, x_m: float, y_m: float, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the panorama (H, W, 3) from a position in metres, with an exposure of its own."""
        view = self.view
        origin = np.array([x_m, y_m])
        image = np.empty((3, view.rows, view.columns), np.float32)
        depth = self._ground.depth.copy()
        image[:, : view.horizon] = self._sky.draw(rng)
        image[:, view.horizon :] = self._ground.draw(origin)
        self._add_solids(image.reshape(3, -1), depth.reshape(-1), self._march(origin), origin)
        self._trees.add(image, depth, origin)
        gain = rng.uniform(0.9, 1.1) * rng.uniform(0.97, 1.03, 3)
        np.minimum(image, 255, out=image)
        seen = image[:, :: view.rays_per_row].copy()
        for ray in range(1, view.rays_per_row):
            seen += image[:, ray :: view.rays_per_row]
        seen *= (gain / view.rays_per_row).astype(np.float32)[:, None, None]
        return np.asarray(cv2.merge(tuple(np.minimum(seen, 255).astype(np.uint8))), np.uint8)

    def _march(self, origin: NDArray[np.float64]) -> _Runs:
        """Return what the rays from a position in metres run into."""
        view, canvas = self.view, self.rasters.canvas
        start = canvas.cells(origin).astype(np.float32)
        cells = (self._south + start[1]).astype(np.int32)
        cells *= canvas.width
        cells += (self._east + start[0]).astype(np.int32)
        height_cm = self.rasters.height_cm.reshape(-1).take(cells)
        highest = (height_cm - np.float32(100 * view.eye_m)) * self._per_distance
        np.maximum.accumulate(highest, axis=1, out=highest)
        rises = height_cm > 100 * LOW_M
        rises[:, 1:] &= highest[:, 1:] > highest[:, :-1]
        column, step = np.divmod(np.flatnonzero(rises), len(self._distances))
        before = np.maximum(step - 1, 0)
        first, until = (self._first_row(highest[column, k]) for k in (step, before))
        until[step == 0] = view.rows
        seen = np.flatnonzero(first < until)
        column, step, before, first = column[seen], step[seen], before[seen], first[seen]
        ids, table = self.rasters.ids.reshape(-1), self.rasters.table
        cell = cells[column, step]
        solid = table.solid[ids[cell]]
        return _Runs(
            column,
            first,
            until[seen] - first,
            cell,
            solid,
            height_cm[column, step] * np.float32(0.01),
            self._distances[before],
            self._distances[step],
            table.solid[ids[cells[column, before]]] != solid,
        )

    def _first_row(self, slope_percent: Array) -> NDArray[np.int32]:
        """Return the first image row that shows what rises by so much, in per cent of its distance."""
        rows = np.float32(self.view.rows)
        angle = np.arctan(slope_percent * np.float32(0.01))
        return np.ceil(rows / 2 - np.float32(0.5) - angle * (rows / np.float32(np.pi))).astype(np.int32)

    def _add_solids(self, image: Array, depth: Array, runs: _Runs, origin: NDArray[np.float64]) -> None:
        """Draw buildings, cars and hedges into the flat image (3, H * W) and depth (H * W)."""
        view = self.view
        walls, entry_m = self._walls(runs, origin)
        run = np.repeat(np.arange(len(runs.rows)), runs.rows)
        starts = np.cumsum(runs.rows) - runs.rows
        row = np.arange(len(run)) + (runs.first_row - starts).take(run)
        distance_m = entry_m.take(run)
        height_m = view.eye_m + view.slope.take(row) * distance_m
        level = height_m > np.where(runs.entering, runs.top_m + np.float32(LOW_M), LEVEL_FROM_M).take(run)
        height_m = np.maximum(height_m, 0)
        facades = Facades(walls, self.rasters.table)
        paint, bright = facades.paint(run, height_m)
        paint += (len(Paint) + 1) * (height_m >= walls.shadow_m.take(run))
        np.copyto(paint, len(Paint), where=level)
        np.copyto(bright, 1, where=level)
        palette = self._palette(facades.colours, walls, runs, entry_m)
        shown, pixel = paint * len(runs.rows) + run, row * view.columns + runs.column.take(run)
        for channel in range(3):
            image[channel][pixel] = palette[channel].take(shown) * bright
        depth[pixel] = distance_m

    def _palette(self, colours: Array, walls: WallRuns, runs: _Runs, entry_m: Array) -> Array:
        """Return the colours of the runs as they are seen, (3, 2, paints + 1, N), flat but for the channel.

        In shadow and in sun: the paints of the wall, and the roof.
        """
        light, haze = self.light, self.view.haze
        sun = light.on_wall(walls.outward).astype(np.float32)
        clear = self.view.clearness(entry_m)
        roof = self.rasters.lit.reshape(-1, 4)[runs.cell].T
        palette = np.empty((3, 2, len(Paint) + 1, len(entry_m)), np.float32)
        for channel in range(3):
            np.multiply(colours[channel], clear * light.ambient[channel], out=palette[channel, 0, :-1])
            lit = clear * (light.ambient[channel] + sun * light.sun[channel])
            np.multiply(colours[channel], lit, out=palette[channel, 1, :-1])
            palette[channel, :, -1] = roof[channel] * clear
            palette[channel] += haze[channel] * (1 - clear)
        return palette.reshape(3, -1)

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
