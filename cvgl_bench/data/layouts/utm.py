"""From UTM coordinates to latitude and longitude on the WGS84 ellipsoid."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.foundation.geo import WGS84_ECCENTRICITY_SQUARED, WGS84_SEMI_MAJOR_M

SCALE = 0.9996
FALSE_EASTING_M = 500_000.0
SOUTHERN_FALSE_NORTHING_M = 10_000_000.0


def from_utm(
    easting_m: ArrayLike, northing_m: ArrayLike, *, zone: int, southern: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lat, lon) in degrees, within a millimetre inside the zone.

    Karney, Transverse Mercator with an accuracy of a few nanometers, 2011, equation 36 (Krueger's
    series, here to the third order of the third flattening).
    """
    easting_m, northing_m = np.asarray(easting_m, np.float64), np.asarray(northing_m, np.float64)
    root = np.sqrt(1 - WGS84_ECCENTRICITY_SQUARED)
    n = (1 - root) / (1 + root)
    radius_m = WGS84_SEMI_MAJOR_M / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    beta = (n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480)
    xi = (northing_m - SOUTHERN_FALSE_NORTHING_M * southern) / (SCALE * radius_m)
    eta = (easting_m - FALSE_EASTING_M) / (SCALE * radius_m)
    xi_sphere, eta_sphere = xi.copy(), eta.copy()
    for j, factor in enumerate(beta, 1):
        xi_sphere -= factor * np.sin(2 * j * xi) * np.cosh(2 * j * eta)
        eta_sphere -= factor * np.cos(2 * j * xi) * np.sinh(2 * j * eta)
    conformal = np.arcsin(np.sin(xi_sphere) / np.cosh(eta_sphere))
    delta = (2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15)
    lat_rad = conformal + sum(d * np.sin(2 * j * conformal) for j, d in enumerate(delta, 1))
    lon_rad = np.arctan2(np.sinh(eta_sphere), np.cos(xi_sphere))
    return np.degrees(lat_rad), np.degrees(lon_rad) + 6 * zone - 183
