"""Distances on the Earth, Web-Mercator pixels, and positions inside a tile.

Angles are degrees unless a name ends in `_rad`; everything is float64, because float32 coordinates
are up to 0.7 m off. Positions in a tile are (x, y) in pixels from its top-left corner, x right
(east), y down (south); the centre of a W x H tile is (W / 2, H / 2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth (IUGG)."""

WGS84_SEMI_MAJOR_M = 6_378_137.0
WGS84_ECCENTRICITY_SQUARED = 0.006_694_379_990_14

MERCATOR_TILE_PX = 256
"""Side of a Web-Mercator tile; at zoom z the world is 256 * 2**z pixels wide."""

NEAR_M = 20_000.0
"""Up to this distance the local ellipsoidal formula of `geodesic_m` holds to under a millimetre."""


def great_circle_m(lat_a: ArrayLike, lon_a: ArrayLike, lat_b: ArrayLike, lon_b: ArrayLike) -> Floats:
    """Return great-circle distances in metres; the arguments, in degrees, broadcast (haversine)."""
    lat_a, lon_a, lat_b, lon_b = (np.radians(np.asarray(v, np.float64)) for v in (lat_a, lon_a, lat_b, lon_b))
    h = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(h, 0, 1)))


def geodesic_m(lat_a: ArrayLike, lon_a: ArrayLike, lat_b: ArrayLike, lon_b: ArrayLike) -> Floats:
    """Return distances on the WGS84 ellipsoid in metres; the arguments, in degrees, broadcast.

    Up to 20 km by the meridional and prime-vertical radii at the mean latitude (Gauss's mid-latitude
    formula, first order), beyond that by `great_circle_m`, which is within 0.6 % of the ellipsoid.
    """
    far = great_circle_m(lat_a, lon_a, lat_b, lon_b)
    lat_a, lon_a, lat_b, lon_b = (np.radians(np.asarray(v, np.float64)) for v in (lat_a, lon_a, lat_b, lon_b))
    mean = (lat_a + lat_b) / 2
    w_squared = 1 - WGS84_ECCENTRICITY_SQUARED * np.sin(mean) ** 2
    prime_vertical_m = WGS84_SEMI_MAJOR_M / np.sqrt(w_squared)
    meridional_m = prime_vertical_m * (1 - WGS84_ECCENTRICITY_SQUARED) / w_squared
    turn = np.remainder(lon_b - lon_a + np.pi, 2 * np.pi) - np.pi
    near = np.hypot((lat_b - lat_a) * meridional_m, turn * prime_vertical_m * np.cos(mean))
    return np.where(far < NEAR_M, near, far)


def turn_deg(lon_from: ArrayLike, lon_to: ArrayLike) -> Floats:
    """Return the degrees east from one longitude to another, the shorter way round; negative is west."""
    turn = np.subtract(lon_to, lon_from, dtype=np.float64)
    # Where nothing is to be gone round, not a bit is changed.
    return np.where(np.abs(turn) > 180, np.remainder(turn + 180, 360) - 180, turn)


def mean_place(lat: ArrayLike, lon: ArrayLike) -> tuple[float, float]:
    """Return the mean latitude and longitude of a city's places, on both sides of the date line too."""
    north, east = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    if np.ptp(east) > 180:
        east = np.remainder(east, 360)
    return float(north.mean()), float(east.mean())


def unit_vectors(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """Return points on the unit sphere, shape (..., 3); chord length orders as great-circle distance."""
    lat, lon = np.radians(np.asarray(lat, np.float64)), np.radians(np.asarray(lon, np.float64))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def mercator_px(lat: ArrayLike, lon: ArrayLike, zoom: float) -> tuple[Floats, Floats]:
    """Return (x, y) Web-Mercator world pixels at `zoom`: x east from 180 W, y south from 85.05 N."""
    lat, lon = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    world_px = MERCATOR_TILE_PX * 2.0**zoom
    x = (lon + 180) / 360 * world_px
    y = (0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)) * world_px
    return x, y


def from_mercator_px(x: ArrayLike, y: ArrayLike, zoom: float) -> tuple[Floats, Floats]:
    """Return (lat, lon) in degrees of Web-Mercator world pixels; the inverse of `mercator_px`."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    world_px = MERCATOR_TILE_PX * 2.0**zoom
    lat = np.degrees(np.arctan(np.sinh((0.5 - y / world_px) * 2 * np.pi)))
    return lat, x / world_px * 360 - 180


def metres_per_px(lat: ArrayLike, zoom: float) -> Floats:
    """Return the ground size in metres of one Web-Mercator pixel at latitude `lat` (degrees)."""
    equator_m = 2 * np.pi * WGS84_SEMI_MAJOR_M / (MERCATOR_TILE_PX * 2.0**zoom)
    return equator_m * np.cos(np.radians(np.asarray(lat, np.float64)))


def decentrality(position_px: ArrayLike, size_px: ArrayLike) -> Floats:
    """Return how far off-centre positions lie: 0 at the tile's centre, 1 at a corner.

    The Euclidean offset from the centre divided by half the tile's diagonal.

    position_px: (..., 2), x and y in pixels; size_px: (..., 2), height and width in pixels.
    """
    position_px, size_px = np.asarray(position_px, np.float64), np.asarray(size_px, np.float64)
    half = size_px[..., ::-1] / 2
    return np.linalg.norm(position_px - half, axis=-1) / np.linalg.norm(half, axis=-1)
