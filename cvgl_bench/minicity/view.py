"""The directions of an equirectangular image's pixels, and the haze they look through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.style import CityStyle
from cvgl_bench.minicity.world import WorldPlan

Array = NDArray[np.float32]

SIGHT_M = 80.0
"""How far a ray is followed; beyond lies the skyline of the sky."""
HAZE_M = 420.0
"""Distance over which haze takes all but 1/e of the contrast."""


class View:
    """Directions of rays: column j looks (j + 0.5) / W of a turn clockwise from south.

    A pixel has several rays above each other but one across: the edges of buildings are upright in an
    equirectangular image, so that it is the slanting lines of roofs and kerbs that need the smoothing.
    """

    def __init__(self, plan: WorldPlan, style: CityStyle) -> None:
        self.eye_m = plan.eye_m
        self.rays_per_row = plan.supersample
        self.rows, self.columns = plan.panorama_px[0] * plan.supersample, plan.panorama_px[1]
        self.horizon = self.rows // 2
        """The first row below it."""
        self.azimuth = (((np.arange(self.columns) + 0.5) / self.columns - 0.5) * 2 * np.pi).astype(np.float32)
        """Clockwise from north."""
        self.elevation = (np.pi / 2 - (np.arange(self.rows) + 0.5) / self.rows * np.pi).astype(np.float32)
        self.heading = np.stack([np.sin(self.azimuth), -np.cos(self.azimuth)], axis=1)
        """(columns, 2), unit vectors on the map, x east and y south."""
        self.slope = np.tan(self.elevation)
        self.pixel_rad = np.float32(2 * np.pi / self.columns)
        self.haze = np.array(style.haze, np.float32)

    def clearness(self, distance_m: Array) -> Array:
        """Return the share of an object's contrast that is left at a distance."""
        return np.exp(distance_m * np.float32(-1 / HAZE_M))
