"""Trees in a street view, drawn from far to near with respect to what stands before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.plants import SPRITE_SHAPE, sprite
from cvgl_bench.minicity.raster import Rasters
from cvgl_bench.minicity.scene import Tree
from cvgl_bench.minicity.view import View

Array = NDArray[np.float32]

TREE_SIGHT_M = 75.0
BARK_RGB = np.array([98, 80, 64], np.float32)
LIT_SHARE = 0.85
"""Of the sun on a level surface, what a crown in the sun shows to the side."""
SHADED = 0.62
"""Brightness of a tree in a building's shadow."""
UNDER_CROWN = 0.6
"""Share of the crown's radius within which a tree is drawn no nearer."""


@dataclass(frozen=True)
class _Boxes:
    """Where the trees in sight lie in the image, far ones first; one entry per tree."""

    row: NDArray[np.intp]
    """Of the list of trees."""
    distance_m: NDArray[np.float64]
    azimuth: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    top: NDArray[np.int64]
    bottom: NDArray[np.int64]


class TreeView:
    """The trees of a region as seen by a street camera."""

    def __init__(self, view: View, trees: list[Tree], rasters: Rasters, light: Light) -> None:
        self._view, self._trees = view, trees
        self._place = np.array([(tree.x_m, tree.y_m) for tree in trees]).reshape(-1, 2)
        self._height_m = np.array([tree.height_m for tree in trees])
        self._crown_m = np.array([tree.crown_m for tree in trees])
        canvas = rasters.canvas
        limit = (canvas.width - 1, canvas.height - 1)
        cells = np.clip(canvas.cells(self._place), 0, limit).astype(int)
        sunny = rasters.shadow_cm[cells[:, 1], cells[:, 0]] < self._height_m * 100
        strength = light.ambient + light.sun * LIT_SHARE
        self._strength = np.where(sunny, 1.0, SHADED).astype(np.float32)[:, None] * strength

    def add(self, image: Array, depth: Array, origin: NDArray[np.float64]) -> None:
        """Draw trees into an image (H, W, 3) whose pixels end at `depth` (H, W) metres."""
        boxes = self._boxes(origin)
        for k in np.flatnonzero(self._in_sight(boxes, depth)).tolist():
            self._add_tree(image, depth, boxes, k)

    def _boxes(self, origin: NDArray[np.float64]) -> _Boxes:
        view = self._view
        offset = self._place - origin
        distance_m = np.hypot(offset[:, 0], offset[:, 1])
        row = np.flatnonzero(distance_m < TREE_SIGHT_M)
        row = row[np.argsort(-distance_m[row], kind="stable")]
        offset, crown_m = offset[row], self._crown_m[row]
        distance_m = np.maximum(distance_m[row], crown_m * UNDER_CROWN)
        azimuth = np.arctan2(offset[:, 0], -offset[:, 1])
        half = np.arctan2(crown_m, distance_m)
        left, right = ((azimuth + side * half + np.pi) / view.pixel_rad for side in (-1, 1))
        top = np.arctan2(self._height_m[row] - view.eye_m, distance_m)
        bottom = np.arctan2(-view.eye_m, distance_m)
        top, bottom = ((np.pi / 2 - angle) * view.rows / np.pi for angle in (top, bottom))
        ends = (np.round(end).astype(int) for end in (left, right, top, bottom))
        return _Boxes(row, distance_m, azimuth, *ends)

    def _in_sight(self, boxes: _Boxes, depth: Array) -> NDArray[np.bool_]:
        """Return which trees show at their outline or middle; the others are behind walls."""
        columns = np.stack([boxes.left, (boxes.left + boxes.right) // 2, boxes.right]) % depth.shape[1]
        rows = np.stack([boxes.top, (boxes.top * 2 + boxes.bottom) // 3]).clip(0, depth.shape[0] - 1)
        return (depth[rows[:, None], columns] > boxes.distance_m).any((0, 1)) & (boxes.right > boxes.left)

    def _add_tree(self, image: Array, depth: Array, boxes: _Boxes, k: int) -> None:
        view, distance_m = self._view, boxes.distance_m[k]
        tree = self._trees[boxes.row[k]]
        rows = np.arange(boxes.top[k], min(boxes.bottom[k], view.rows))
        columns = np.arange(boxes.left[k], boxes.right[k])
        height_m = view.eye_m + view.slope[rows] * distance_m
        v = ((1 - height_m / tree.height_m) * SPRITE_SHAPE[0]).astype(int).clip(0, SPRITE_SHAPE[0] - 1)
        azimuth = (columns + 0.5) * view.pixel_rad - np.pi - boxes.azimuth[k]
        aside = np.tan(np.clip(azimuth, -1.4, 1.4)) * (distance_m / tree.crown_m)
        u = ((aside + 1) / 2 * SPRITE_SHAPE[1]).astype(int).clip(0, SPRITE_SHAPE[1] - 1)
        picture = sprite(tree.species, tree.variant)
        cells = v[:, None] * SPRITE_SHAPE[1] + u
        pixels = rows[:, None] * view.columns + columns % view.columns
        seen = picture.alpha.take(cells) & (depth.take(pixels) > distance_m - 0.3)
        cells, pixels = cells[seen], pixels[seen]
        base = np.where(picture.wood.take(cells)[:, None], BARK_RGB, np.array(tree.leaves_rgb, np.float32))
        colour = base * picture.bright.take(cells)[:, None] * self._strength[boxes.row[k]]
        clear = view.clearness(np.asarray(distance_m, np.float32))
        image.reshape(-1, 3)[pixels] = view.haze + (colour - view.haze) * clear
