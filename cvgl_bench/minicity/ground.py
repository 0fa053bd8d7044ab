"""The level ground of a street view, sampled out of the lit raster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvgl_bench.minicity.raster import Rasters
from cvgl_bench.minicity.view import SIGHT_M, View

Array = NDArray[np.float32]

CLOSE_M = 9.0
"""Ground this near is sampled out of a smooth enlargement: a raster cell there covers several pixels."""
ENLARGED = 3


class GroundView:
    """What the lower half of every panorama would show if nothing stood on the ground."""

    def __init__(self, view: View, rasters: Rasters) -> None:
        self._canvas = rasters.canvas
        self._lit = rasters.lit
        distance = np.minimum(-view.eye_m / view.slope[view.horizon :], SIGHT_M).astype(np.float32)
        self._far_rows = int(np.count_nonzero(distance > CLOSE_M))
        offset = distance[:, None, None] * view.heading / np.float32(rasters.canvas.m_per_cell)
        self._far = offset[: self._far_rows]
        self._close = offset[self._far_rows :] * ENLARGED
        self._haze = view.haze
        self._clear = view.clearness(distance)[:, None, None]
        self.depth = np.full((view.rows, view.columns), np.inf, np.float32)
        """(rows, columns), distance in metres to the bare ground; infinite over the horizon."""
        self.depth[view.horizon :] = distance[:, None]

    def draw(self, origin: NDArray[np.float64]) -> Array:
        """Return the lower half of the panorama from a position in metres, (rows, columns, 3)."""
        start = self._canvas.cells(origin)
        far = self._lit.view(np.uint32).ravel().take(self._index(self._far, start, self._canvas.width))
        side = int(np.ceil(CLOSE_M / self._canvas.m_per_cell)) + 2
        left, top = (int(s) - side for s in start)
        patch = Image.fromarray(self._lit[top : top + 2 * side, left : left + 2 * side, :3])
        width = 2 * side * ENLARGED
        large = patch.resize((width, width), Image.Resampling.BICUBIC).convert("RGBX")
        pixels = np.frombuffer(large.tobytes(), np.uint32)
        near = pixels.take(self._index(self._close, (start - (left, top)) * ENLARGED, width))
        colour = np.concatenate([far, near]).view(np.uint8).reshape(*self._clear.shape[:1], -1, 4)[..., :3]
        return self._haze + (colour - self._haze) * self._clear

    @staticmethod
    def _index(offset: Array, start: NDArray[np.float64], width: int) -> NDArray[np.int32]:
        x, y = ((offset[..., axis] + np.float32(start[axis])).astype(np.int32) for axis in (0, 1))
        y *= width
        return y + x
