"""The sun and the sky over one visit to a city, and how strongly they light a surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AMBIENT = np.array([0.46, 0.50, 0.56], np.float32)
"""Skylight on a surface in shadow, per colour channel: bluish."""
SUN = np.array([0.62, 0.57, 0.50], np.float32)
"""What the sun adds to level ground."""


class Light:
    """Direction and strength of the light; the map's axes are x east and y south."""

    def __init__(self, azimuth_deg: float, elevation_deg: float) -> None:
        azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
        self.azimuth_rad = float(azimuth)
        self.elevation_rad = float(elevation)
        self.towards_sun = np.array([np.sin(azimuth), -np.cos(azimuth)])
        """Unit vector on the map."""
        self.tan_elevation = float(np.tan(elevation))
        self.ambient, self.sun = AMBIENT, SUN

    def on_slope(self, inward: Floats, pitch: float) -> float:
        """Return the sun on a roof slope rising `inward`, as a multiple of that on level ground."""
        up = np.sin(self.elevation_rad)
        across = -pitch * float(np.dot(inward, self.towards_sun)) * np.cos(self.elevation_rad)
        return max(0.0, (up + across) / np.hypot(1, pitch) / up)

    def on_wall(self, outward: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the sun on walls of outward unit normals (..., 2), as a multiple of that on level ground."""
        facing = outward @ self.towards_sun.astype(np.float32)
        return np.clip(facing / self.tan_elevation, 0, 1.2)
