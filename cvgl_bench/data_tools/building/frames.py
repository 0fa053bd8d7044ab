"""Pixel grids on the Earth: between coordinates and the pixels of a piece of imagery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.foundation import geo

Floats = NDArray[np.float64]


class GeoFrame(Protocol):
    """A north-up pixel grid; x is right (east), y down (south), both from the grid's own corner."""

    def to_px(self, lat: ArrayLike, lon: ArrayLike) -> tuple[Floats, Floats]:
        """Return (x, y) in pixels of coordinates in degrees."""

    def to_lat_lon(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return (lat, lon) in degrees of pixels."""


@dataclass(frozen=True)
class MercatorFrame:
    """Web-Mercator pixels at `zoom` from the world pixel (left, top), over up to 3/4 of the Earth's girth."""

    zoom: float
    left: float
    top: float

    def to_px(self, lat: ArrayLike, lon: ArrayLike) -> tuple[Floats, Floats]:
        """Return (x, y) in pixels of coordinates in degrees."""
        x, y = geo.mercator_px(lat, lon, self.zoom)
        world_px = geo.MERCATOR_TILE_PX * 2.0**self.zoom
        # The copy of the world that the grid lies in, which may go over the date line.
        x = x - self.left
        x = np.where(x < -world_px / 4, x + world_px, np.where(x >= world_px * 3 / 4, x - world_px, x))
        return x, y - self.top

    def to_lat_lon(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return (lat, lon) in degrees of pixels."""
        lat, lon = geo.from_mercator_px(np.add(x, self.left), np.add(y, self.top), self.zoom)
        return lat, np.where(lon >= 180, lon - 360, np.where(lon < -180, lon + 360, lon))


@dataclass(frozen=True)
class GroundFrame:
    """Pixels of `m_per_px` metres on the ground, (centre_x, centre_y) at (lat, lon).

    Metres are those of the WGS84 ellipsoid at the centre, so a frame should span kilometres at most.
    """

    lat: float
    lon: float
    centre_x: float
    centre_y: float
    m_per_px: float

    def to_px(self, lat: ArrayLike, lon: ArrayLike) -> tuple[Floats, Floats]:
        """Return (x, y) in pixels of coordinates in degrees."""
        north_m, east_m = self._m_per_deg()
        turn = np.remainder(np.subtract(lon, self.lon) + 180, 360) - 180
        x = self.centre_x + turn * east_m / self.m_per_px
        return x, self.centre_y - np.subtract(lat, self.lat) * north_m / self.m_per_px

    def to_lat_lon(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return (lat, lon) in degrees of pixels."""
        north_m, east_m = self._m_per_deg()
        lat = self.lat - np.subtract(y, self.centre_y) * self.m_per_px / north_m
        return lat, self.lon + np.subtract(x, self.centre_x) * self.m_per_px / east_m

    def _m_per_deg(self) -> tuple[float, float]:
        """Return the metres of a degree of latitude and of longitude at the centre."""
        step = 1e-3
        north_m = float(geo.geodesic_m(self.lat - step / 2, self.lon, self.lat + step / 2, self.lon)) / step
        east_m = float(geo.geodesic_m(self.lat, self.lon, self.lat, self.lon + step)) / step
        return north_m, east_m
