"""The level ground of a street view, sampled out of the lit raster."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.raster import Rasters
from cvgl_bench.minicity.view import SIGHT_M, View

Array = NDArray[np.float32]

CLOSE_M = 9.0
"""Ground this near is sampled out of a smooth enlargement: a raster cell there covers several pixels."""
ENLARGED = 2


class GroundView:
    """What the lower half of every panorama would show if nothing stood on the ground."""

    def __init__(self, view: View, rasters: Rasters) -> None:
        self._canvas = rasters.canvas
        self._lit = rasters.lit
        distance = np.minimum(-view.eye_m / view.slope[view.horizon :], SIGHT_M).astype(np.float32)
        self._far_rows = int(np.count_nonzero(distance > CLOSE_M))
        offset = distance[:, None, None] / np.float32(rasters.canvas.m_per_cell) * view.heading
        self._far = _Square(SIGHT_M, rasters.canvas.m_per_cell, offset[: self._far_rows])
        self._close = _Square(CLOSE_M, rasters.canvas.m_per_cell, offset[self._far_rows :])
        self._clear = np.repeat(view.clearness(distance)[:, None], view.columns, axis=1)
        self._veil = view.haze[:, None, None] * (1 - self._clear[:, :1])
        self.depth = np.full((view.rows, view.columns), np.inf, np.float32)
        """(rows, columns), distance in metres to the bare ground; infinite over the horizon."""
        self.depth[view.horizon :] = distance[:, None]

    def draw(self, origin: NDArray[np.float64]) -> Array:
        """Return the lower half of the panorama from a position in metres, (3, rows, columns)."""
        start = self._canvas.cells(origin)
        far = self._far.sample(self._lit, start)
        close = self._close.sample(self._lit, start, enlarged=ENLARGED)
        planes = cv2.split(cv2.vconcat([far, close]))
        colour = np.empty((3, *self._clear.shape), np.float32)
        for channel in range(3):
            np.multiply(planes[channel], self._clear, out=colour[channel])
            colour[channel] += self._veil[channel]
        return colour


class _Square:
    """The square of cells around a camera that some rows of the view are sampled out of."""

    def __init__(self, reach_m: float, m_per_cell: float, offset: Array) -> None:
        self._half = int(np.ceil(reach_m / m_per_cell)) + 3
        self._offset = offset + np.float32(self._half)
        """(rows, columns, 2), from the square's corner, in cells."""

    def sample(
        self, lit: NDArray[np.uint8], start: NDArray[np.float64], *, enlarged: int = 1
    ) -> NDArray[np.uint8]:
        """Return the colours (rows, columns, 4) around a camera at `start`, in cells."""
        whole = np.floor(start).astype(int)
        left, top = (whole - self._half).tolist()
        side = 2 * self._half
        around = lit[top : top + side, left : left + side]
        if enlarged > 1:
            size = (side * enlarged, side * enlarged)
            around = np.asarray(cv2.resize(around, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        # A cell's colour is that of its middle.
        place = (self._offset + (start - whole).astype(np.float32)) * np.float32(enlarged) - np.float32(0.5)
        # OpenCV's types do not know that with x and y in one map there is no second one.
        found = cv2.remap(around, place, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        return np.asarray(found, np.uint8)
