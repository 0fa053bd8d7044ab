"""Coordinates from the file names of panoramas and tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from cvgl_bench.foundation.errors import DataError


@dataclass(frozen=True)
class NamePattern:
    """Which of a name's fields, counted from 0, hold latitude and longitude."""

    separator: str
    fields: int
    lat: int
    lon: int
    example: str


def coordinates(
    names: pa.Array,
    pattern: NamePattern,
    *,
    where: str,
    on_fault: Callable[[int, str], None] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (lat, lon), degrees, of every name.

    on_fault: called with the row and the reason of each bad name, whose coordinates are then NaN;
    without it the first raises DataError, which names `where`.
    """
    stems = compute.replace_substring_regex(names, r"\.[A-Za-z]+$", "")
    fields = compute.split_pattern(stems, pattern.separator)
    try:
        lat, lon = (_numbers(fields, field) for field in (pattern.lat, pattern.lon))
        fits = compute.equal(compute.list_value_length(fields), pattern.fields).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        lat, lon, fits = _slowly(fields, pattern)
    for row in np.flatnonzero(~(fits & (np.abs(lat) <= 90) & (np.abs(lon) <= 180))):
        reason = (
            f"the name '{names[row].as_py()}' holds no latitude and longitude where this layout has them, "
            f"as in '{pattern.example}'"
        )
        if on_fault is None:
            raise DataError(f"{where}: {reason}.")
        on_fault(int(row), reason)
        lat[row] = lon[row] = np.nan
    return lat, lon


def _numbers(fields: pa.Array, field: int) -> NDArray[np.float64]:
    values = compute.cast(compute.list_element(fields, field), pa.float64())
    return values.to_numpy(zero_copy_only=False, writable=True)


def _slowly(
    fields: pa.Array, pattern: NamePattern
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return lat, lon and whether a name fits, where some name does not."""
    places = np.full((len(fields), 2), np.nan)
    for row, values in enumerate(fields.to_pylist()):
        if len(values) == pattern.fields:
            try:
                places[row] = float(values[pattern.lat]), float(values[pattern.lon])
            except ValueError:
                continue
    return places[:, 0], places[:, 1], np.isfinite(places).all(axis=1)
