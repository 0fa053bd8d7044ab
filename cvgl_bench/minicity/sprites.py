"""Trees in a street view, drawn from far to near with respect to what stands before them."""

from __future__ import annotations

import dataclasses
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
BEFORE_M = 0.3
"""A tree is drawn before what lies less than this in front of it."""
MOST_ASIDE_RAD = 1.4


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

    def some(self, which: NDArray[np.bool_]) -> _Boxes:
        """Return the boxes of some trees."""
        return _Boxes(*(getattr(self, field.name)[which] for field in dataclasses.fields(self)))


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
        strength = np.where(sunny, 1.0, SHADED).astype(np.float32)[:, None] * strength
        leaves = np.array([tree.leaves_rgb for tree in trees], np.float32).reshape(-1, 3)
        self._leaves, self._bark = leaves * strength, BARK_RGB * strength
        kinds = sorted({(tree.species, tree.variant) for tree in trees})
        first = {kind: k * SPRITE_SHAPE[0] * SPRITE_SHAPE[1] for k, kind in enumerate(kinds)}
        self._picture = np.array([first[tree.species, tree.variant] for tree in trees], np.intp)
        self._atlas = _Atlas(kinds)

    def add(self, image: Array, depth: Array, origin: NDArray[np.float64]) -> None:
        """Draw trees into an image (3, H, W) whose pixels end at `depth` (H, W) metres."""
        boxes = self._boxes(origin)
        boxes = boxes.some(self._in_sight(boxes, depth))
        if len(boxes.row):
            self._paint(image.reshape(3, -1), depth.reshape(-1), boxes)

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
        ends = [np.round(end).astype(int) for end in (left, right, top, bottom)]
        ends[3] = np.minimum(ends[3], view.rows)
        return _Boxes(row, distance_m, azimuth, *ends)

    def _in_sight(self, boxes: _Boxes, depth: Array) -> NDArray[np.bool_]:
        """Return which trees show at their outline or middle; the others are behind walls."""
        columns = np.stack([boxes.left, (boxes.left + boxes.right) // 2, boxes.right]) % depth.shape[1]
        rows = np.stack([boxes.top, (boxes.top * 2 + boxes.bottom) // 3]).clip(0, depth.shape[0] - 1)
        return (depth[rows[:, None], columns] > boxes.distance_m).any((0, 1)) & (boxes.right > boxes.left)

    def _paint(self, image: Array, depth: Array, boxes: _Boxes) -> None:
        """Draw the trees into the flat image (3, H * W), all pixels of all boxes at once.

        Where trees overlap, the one that is assigned last stays: the nearest.
        """
        view, row = self._view, boxes.row
        distance_m = boxes.distance_m.astype(np.float32)
        upright, across = _Spans(boxes.top, boxes.bottom), _Spans(boxes.left, boxes.right)
        texel_row, pixel_row = self._rows(boxes, upright)
        texel_column, pixel_column = self._columns(boxes, across)
        width = across.length[upright.owner]
        pixels = np.arange(width.sum()) + np.repeat(across.start[upright.owner] - _starts(width), width)
        cell = np.repeat(texel_row, width) + texel_column.take(pixels)
        pixel = np.repeat(pixel_row, width) + pixel_column.take(pixels)
        limit_m = np.repeat((distance_m - BEFORE_M)[upright.owner], width)
        seen = np.flatnonzero(self._atlas.alpha.take(cell) & (depth.take(pixel) > limit_m))
        cell, pixel = cell[seen], pixel[seen]
        tree = np.repeat(upright.owner, width)[seen]
        clear, bright = view.clearness(distance_m), self._atlas.bright.take(cell)
        shown = 2 * tree + self._atlas.wood.take(cell)
        for channel in range(3):
            paints = np.stack([self._leaves[row, channel], self._bark[row, channel]], axis=1) * clear[:, None]
            veil = view.haze[channel] * (1 - clear)
            image[channel][pixel] = paints.take(shown) * bright + veil.take(tree)

    def _rows(self, boxes: _Boxes, spans: _Spans) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return for each row of each box where its texels and the image's pixels begin."""
        view, owner, trees = self._view, spans.owner, boxes.row[spans.owner]
        height_m = view.eye_m + view.slope[spans.place] * boxes.distance_m[owner]
        v = ((1 - height_m / self._height_m[trees]) * SPRITE_SHAPE[0]).astype(np.intp)
        v = v.clip(0, SPRITE_SHAPE[0] - 1) * SPRITE_SHAPE[1]
        return self._picture[trees] + v, spans.place * view.columns

    def _columns(self, boxes: _Boxes, spans: _Spans) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return for each column of each box the texel and the pixel within their rows."""
        view, owner = self._view, spans.owner
        azimuth = (spans.place + 0.5) * view.pixel_rad - np.pi - boxes.azimuth[owner]
        reach = (boxes.distance_m / self._crown_m[boxes.row])[owner]
        aside = np.tan(np.clip(azimuth, -MOST_ASIDE_RAD, MOST_ASIDE_RAD)) * reach
        u = ((aside + 1) / 2 * SPRITE_SHAPE[1]).astype(np.intp).clip(0, SPRITE_SHAPE[1] - 1)
        return u, spans.place % view.columns


class _Spans:
    """Runs of whole numbers from `first` up to `stop`, one after the other."""

    def __init__(self, first: NDArray[np.int64], stop: NDArray[np.int64]) -> None:
        self.length = stop - first
        self.start = _starts(self.length)
        self.owner = np.repeat(np.arange(len(first)), self.length)
        self.place = np.arange(len(self.owner)) + (first - self.start)[self.owner]


def _starts(length: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(length) - length


class _Atlas:
    """All pictures of trees, one after the other: their texels as flat arrays."""

    def __init__(self, kinds: list[tuple[str, int]]) -> None:
        pictures = [sprite(*kind) for kind in kinds]
        self.alpha = np.array([picture.alpha for picture in pictures], np.bool_).ravel()
        self.wood = np.array([picture.wood for picture in pictures], np.bool_).ravel()
        self.bright = np.array([picture.bright for picture in pictures], np.float32).ravel()
