"""Orthographic tiles out of the rasters of a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvgl_bench.minicity.capture import Capture
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.raster import Rasters, placed_crown
from cvgl_bench.minicity.scene import Tree

CROWN_SELF_SHADOW_CM = 150


def overhead_view(
    rasters: Rasters, trees: list[Tree], light: Light, capture: Capture, margin: int
) -> NDArray[np.uint8]:
    """Return the region from above, (H, W, 3), one pixel per cell, without the outer `margin` cells."""
    rasters = rasters.within(margin)
    image = rasters.lit[..., :3].copy()
    leaves_gain = np.array(capture.leaves_gain, np.float32)
    for tree in sorted(trees, key=lambda t: t.height_m):
        _add_crown(image, rasters, tree, light, leaves_gain)
    levels = np.arange(256)
    graded = [np.clip(levels * gain + capture.haze, 0, 255).astype(np.uint8) for gain in capture.camera_gain]
    table = np.concatenate(graded)
    return np.asarray(Image.fromarray(image).point(table.tolist()))


def _add_crown(
    image: NDArray[np.uint8], rasters: Rasters, tree: Tree, light: Light, leaves_gain: NDArray[np.float32]
) -> None:
    crown = placed_crown(rasters.canvas, tree)
    if crown is None:
        return
    rows, columns = crown.rows, crown.columns
    top_cm = crown.dome * (tree.height_m * 100)
    above = rasters.height_cm[rows, columns] < top_cm
    sunny = top_cm + CROWN_SELF_SHADOW_CM >= rasters.shadow_cm[rows, columns]
    strength = light.ambient + sunny[..., None] * light.sun
    colour = np.array(tree.leaves_rgb, np.float32) * leaves_gain * strength * crown.bright[..., None]
    seen = (crown.alpha & above)[..., None]
    np.copyto(image[rows, columns], np.clip(colour, 0, 255).astype(np.uint8), where=seen)


def tile(view: NDArray[np.uint8], left: int, top: int, size_px: int, supersample: int) -> Image.Image:
    """Return one tile: the square of `size_px * supersample` cells at (left, top), averaged down."""
    side = size_px * supersample
    patch = Image.fromarray(np.ascontiguousarray(view[top : top + side, left : left + side]))
    return patch.reduce(supersample) if supersample > 1 else patch
