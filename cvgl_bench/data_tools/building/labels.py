"""Which tile each query belongs to, and which others a label names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photos import Photo
from cvgl_bench.data_tools.building.sheets import Sheet

Floats = NDArray[np.float64]

COVERING = 0.5
"""Largest offset from the centre, as a share of the tile's side, at which a tile still shows a place."""
CENTRAL = 0.25
"""The same for the central half of a tile, where VIGOR's positives lie (section 3 of its paper)."""
LEAST_REACH = 2
"""Tiles to every side of the nearest that are looked at."""


@dataclass(frozen=True)
class Named:
    """A tile that a label names, and the query's x and y in its pixels."""

    sheet: int
    row: int
    column: int
    x: float
    y: float


@dataclass(frozen=True)
class Label:
    """A query's positive, and its semi-positives."""

    positive: Named
    semi_positives: tuple[Named, ...]


def label(
    photos: Sequence[Photo],
    sheets: Sequence[Sheet],
    *,
    there: Sequence[NDArray[np.bool_]],
    options: BuildOptions,
) -> list[Label | None]:
    """Return the label of every photo, None where no tile shows it or none in its central half.

    there: for each sheet (rows, columns), whether the tile exists. Tiles are ordered by the larger of
    the two offsets from their centre, as shares of their sides, then by distance: so those that show a
    place come before those that do not.
    """
    found = _candidates(photos, sheets, there)
    order = np.lexsort([found[name] for name in ("column", "row", "sheet", "distance", "offset", "photo")])
    found = found[order]
    first = np.searchsorted(found["photo"], np.arange(len(photos) + 1))
    most = CENTRAL if options.positive == "central" else COVERING
    labels: list[Label | None] = []
    for start, end in zip(first[:-1], first[1:], strict=True):
        if start == end or found["offset"][start] > most:
            labels.append(None)
            continue
        others = found[start + 1 : end][: options.semi_positives]
        if options.semi_rule == "covering":
            others = others[others["offset"] <= COVERING]
        labels.append(Label(_named(found[start]), tuple(_named(other) for other in others)))
    return labels


CANDIDATE = np.dtype(
    [(name, np.int64) for name in ("photo", "sheet", "row", "column")]
    + [(name, np.float64) for name in ("x", "y", "offset", "distance")]
)


def _candidates(
    photos: Sequence[Photo], sheets: Sequence[Sheet], there: Sequence[NDArray[np.bool_]]
) -> NDArray[np.void]:
    """Return every tile near a photo of its city, as a table of CANDIDATE."""
    lat, lon = np.array([photo.lat for photo in photos]), np.array([photo.lon for photo in photos])
    cities = np.array([photo.city or "" for photo in photos])
    parts = [np.empty(0, CANDIDATE)]
    for number, sheet in enumerate(sheets):
        own = np.flatnonzero((cities == sheet.city) | (cities == ""))
        near, x, y = _near(sheet, *sheet.frame.to_px(lat[own], lon[own]))
        table = _around(sheet, x, y, there[number])
        table["photo"] = own[near][table["photo"]]
        table["sheet"] = number
        parts.append(table)
    return np.concatenate(parts)


def _near(sheet: Sheet, x: Floats, y: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return the points within two tiles of a sheet's grid, and their x and y from its first tile."""
    x, y = x - sheet.first[0], y - sheet.first[1]
    height, width = sheet.tile_size
    right = (sheet.columns - 1) * sheet.stride[1] + width
    below = (sheet.rows - 1) * sheet.stride[0] + height
    slack = LEAST_REACH
    inside = (
        (x > -slack * width)
        & (x < right + slack * width)
        & (y > -slack * height)
        & (y < below + slack * height)
    )
    rows = np.flatnonzero(inside)
    return rows, x[rows], y[rows]


def _around(sheet: Sheet, x: Floats, y: Floats, there: NDArray[np.bool_]) -> NDArray[np.void]:
    """Return the tiles around points, `photo` counting the points."""
    size, stride = np.array(sheet.tile_size), np.array(sheet.stride)
    reach = np.maximum(LEAST_REACH, np.ceil(size / stride / 2).astype(int) + 1)
    steps = [np.arange(-r, r + 1) for r in reach]
    nearest = [
        np.clip(np.round((at - size[axis] / 2) / stride[axis]), 0, there.shape[axis] - 1).astype(np.int64)
        for axis, at in enumerate((y, x))
    ]
    row, column = np.broadcast_arrays(
        nearest[0][:, None, None] + steps[0][:, None], nearest[1][:, None, None] + steps[1][None, :]
    )
    inside = (row >= 0) & (row < there.shape[0]) & (column >= 0) & (column < there.shape[1])
    inside[inside] = there[row[inside], column[inside]]
    point = np.broadcast_to(np.arange(len(x))[:, None, None], row.shape)[inside]
    row, column = row[inside], column[inside]
    table = np.empty(len(point), CANDIDATE)
    table["photo"], table["row"], table["column"] = point, row, column
    table["x"], table["y"] = x[point] - column * stride[1], y[point] - row * stride[0]
    across, down = table["x"] / size[1] - 0.5, table["y"] / size[0] - 0.5
    table["offset"] = np.maximum(np.abs(across), np.abs(down))
    table["distance"] = np.hypot(across, down)
    return table


def _named(candidate: np.void) -> Named:
    return Named(
        sheet=int(candidate["sheet"]),
        row=int(candidate["row"]),
        column=int(candidate["column"]),
        x=float(candidate["x"]),
        y=float(candidate["y"]),
    )
