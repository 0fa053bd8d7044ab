"""Metres and pixels of tiles, by a data set's card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.foundation import geo

Floats = NDArray[np.float64]


def m_per_px(dataset: Dataset, city: str, edition: str, lat: ArrayLike) -> Floats:
    """Return the metres per label pixel of tiles of `city` at latitudes `lat`, by the card."""
    value: Any = dataset.tile.get("m_per_px")
    if isinstance(value, Mapping) and edition in value:
        value = value[edition]
    if isinstance(value, Mapping):
        value = value[city]
    if value is None:
        return geo.metres_per_px(lat, dataset.tile["zoom"])
    return np.full(np.shape(lat), float(value))


def offset_m(lat_from: Floats, lon_from: Floats, lat_to: Floats, lon_to: Floats) -> Floats:
    """Return (..., 2), metres east and south from one place to another, for places in one city."""
    middle_rad = np.radians((lat_from + lat_to) / 2)
    east = np.radians(geo.turn_deg(lon_from, lon_to)) * np.cos(middle_rad)
    south = np.radians(lat_from - lat_to)
    return np.stack([east, south], axis=-1) * geo.EARTH_RADIUS_M
