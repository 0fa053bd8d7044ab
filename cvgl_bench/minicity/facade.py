"""The colour of walls: windows, doors, shops, cornices, and the sides of cars and hedges.

A piece of wall one image column wide has few colours. They are worked out once a piece, in sun and in
shadow, and each pixel only chooses among them by its height.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.plants import dice
from cvgl_bench.minicity.scene import Kind, ShapeTable
from cvgl_bench.minicity.traffic import BODY_M, CABIN_M

Array = NDArray[np.float32]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

SHOP_M = 3.6
"""Height of a shop front."""
SIGN_M = 0.7
PANE_M = (0.5, 2.7)
"""Bottom and top of a shop window."""
DOOR_M = 2.2
PLINTH_M = 0.6
CORNICE_M = 0.5
SILL, LINTEL = 0.28, 0.80
"""Bottom and top of a window as a share of its floor."""
CURTAIN = 0.7
"""From this much glazing on, a wall is a curtain of glass."""
FRAME = 0.045
"""Width of a window's frame as a share of the bay."""
BLUR = 0.45
"""Windows fade into their mean where a pixel covers more than about this share of a bay."""
VAN_BODY = 0.62
"""Share of a van's cabin, from the rear, that has no windows in its side."""
TYRE_M, UNDERSIDE_M = 0.62, 0.35
TYRE_LEVEL = 28
CAR_FLOOR_M, CAR_LINTEL = 10.0, 0.185
"""The windows of a car are those of a building's first floor: up to 1.85 m."""
GLOW_RGB = np.array([1.0, 0.94, 0.82], np.float32)
NOWHERE = np.float32(9e9)
"""Height from which on a piece of wall has what it does not have."""
BRICKS = np.float32(0.1)
"""Range of brightness of a plain wall."""
SIGN_RGB = np.array(
    [(168, 44, 40), (36, 84, 132), (34, 110, 76), (222, 190, 70), (60, 56, 60), (226, 222, 214)], np.float32
)
DOOR_RGB = np.array([(92, 44, 34), (34, 62, 52), (46, 52, 82), (120, 96, 70), (60, 58, 56)], np.float32)


class Paint(IntEnum):
    """What a pixel of a wall shows; a car's colours take the places of those that it does not have."""

    WALL = 0
    LOW = 1
    """A plinth, or the underside of a car."""
    TOP = 2
    """A cornice."""
    FRAME = 3
    GLASS = 4
    PANE = 5
    SIGN = 6
    DOOR = 7
    """A door, or a tyre."""


@dataclass(frozen=True)
class WallRuns:
    """Pieces of wall, each as wide as one image column: one entry per run of pixels."""

    row: NDArray[np.int32]
    """Row of the solid in the shape table."""
    edge: NDArray[np.intp]
    """Edge of the solid, 0..3."""
    along_m: Array
    """Distance from the edge's first corner."""
    length_m: Array
    outward: Array
    """(N, 2), unit normals on the map."""
    pixel_m: Array
    """What one pixel covers along the wall."""
    shadow_m: Array
    """Height up to which the wall lies in shadow."""


@dataclass(frozen=True)
class _Bays:
    """Where along its wall each piece lies."""

    building: Mask
    car: Mask
    place: NDArray[np.int32]
    """A number for the bay."""
    windowed: Mask
    shop: Mask
    door: Mask
    """Or the wheel of a car."""
    glazed: Mask
    framed: Mask
    pane: Mask


class Facades:
    """The colours of pieces of wall, and from where to where on each of them a colour reaches."""

    def __init__(self, runs: WallRuns, table: ShapeTable) -> None:
        row = runs.row
        self._bays = bays = _bays(runs, table)
        curtain = table.glazing[row] > CURTAIN
        sill, lintel = np.where(curtain, 0.12, SILL), np.where(curtain, 0.95, LINTEL)
        sill[bays.car], lintel[bays.car] = BODY_M / CAR_FLOOR_M, CAR_LINTEL
        share = np.where(bays.windowed, table.glazing[row] * (lintel - sill), 0).astype(np.float32)
        sharp = np.clip(2 - runs.pixel_m / (BLUR * table.bay_m[row]), 0, 1)
        self._sharp = np.where(bays.windowed, sharp, 1).astype(np.float32)
        self.colours = self._colours(row, table, share)
        """(3, paints, N), 0..255, unlit."""
        floors = np.where(bays.car, CAR_FLOOR_M, table.floor_m[row])
        self._floors_per_m = (1 / floors).astype(np.float32)
        self._sill, self._lintel = _where(bays.glazed, sill), lintel.astype(np.float32)
        self._frame_sill, self._frame_lintel = (
            _where(bays.framed, sill - 0.05),
            self._lintel + np.float32(0.03),
        )
        self._upper_m = np.where(bays.shop, np.float32(SHOP_M), np.float32(-1))
        low = np.where(bays.building, PLINTH_M, np.where(bays.car, UNDERSIDE_M, -1))
        self._low_m = low.astype(np.float32)
        self._top_m = _where(bays.building, table.top_m[row] - CORNICE_M)
        self._door_m = np.where(bays.door, np.where(bays.car, TYRE_M, DOOR_M), -1).astype(np.float32)
        self._bricks = np.where(bays.car, 0, BRICKS).astype(np.float32)
        self._brick = (runs.along_m * 2.2).astype(np.int32) + row * 7

    def _colours(self, row: NDArray[np.int32], table: ShapeTable, glass_share: Array) -> Array:
        bays, wall, glass = self._bays, table.wall[row].T, table.glass[row].T
        low = np.where(bays.car, 0.55, np.where(bays.building, 0.72, 1)).astype(np.float32)
        colours = np.empty((3, len(Paint), len(row)), np.float32)
        colours[:, Paint.WALL] = wall
        colours[:, Paint.LOW] = wall * low
        colours[:, Paint.TOP] = np.minimum(wall * np.float32(1.22), 246)
        colours[:, Paint.FRAME] = np.minimum(wall * np.float32(1.25) + 12, 244)
        colours[:, Paint.GLASS] = glass
        colours[:, Paint.PANE] = GLOW_RGB[:, None] * (60 + 90 * dice(bays.place * 7))
        colours[:, Paint.SIGN] = SIGN_RGB[(dice(bays.place // 2) * len(SIGN_RGB)).astype(int)].T
        colours[:, Paint.DOOR] = DOOR_RGB[(dice(row * 3) * len(DOOR_RGB)).astype(int)].T
        colours[:, Paint.DOOR, bays.car] = TYRE_LEVEL
        mean = wall + (glass - wall) * glass_share
        for paint in (Paint.WALL, Paint.FRAME, Paint.GLASS):
            colours[:, paint] = mean + (colours[:, paint] - mean) * self._sharp
        return colours

    def paint(self, run: Rows, height_m: Array) -> tuple[NDArray[np.intp], Array]:
        """Return the paint (N,) of pixels and their brightness, given the `run` and the height of each."""
        storey = height_m * self._floors_per_m.take(run)
        floor = np.floor(storey)
        up = storey - floor
        paint = np.zeros(len(run), np.intp)
        np.copyto(paint, Paint.LOW, where=height_m < self._low_m.take(run))
        upper = height_m > self._upper_m.take(run)
        framed = upper & (up > self._frame_sill.take(run)) & (up < self._frame_lintel.take(run))
        np.copyto(paint, Paint.FRAME, where=framed)
        glazed = upper & (up > self._sill.take(run)) & (up < self._lintel.take(run))
        np.copyto(paint, Paint.GLASS, where=glazed)
        self._shop_fronts(paint, run, height_m)
        np.copyto(paint, Paint.DOOR, where=height_m < self._door_m.take(run))
        np.copyto(paint, Paint.TOP, where=height_m >= self._top_m.take(run))
        brick = self._brick.take(run) + (height_m * 4).astype(np.int32) * 311
        bright = 1 + self._bricks.take(run) * (dice(brick) - np.float32(0.5))
        glass = np.flatnonzero(glazed)
        bright[glass] = self._panes(run[glass], floor[glass], up[glass])
        return paint, bright

    def _shop_fronts(self, paint: NDArray[np.intp], run: Rows, height_m: Array) -> None:
        front = np.flatnonzero(self._bays.shop.take(run) & (height_m <= SHOP_M))
        height_m, pane = height_m[front], self._bays.pane.take(run[front])
        pane &= (height_m > PANE_M[0]) & (height_m < PANE_M[1])
        paint[front[pane]] = Paint.PANE
        paint[front[height_m > SHOP_M - SIGN_M]] = Paint.SIGN

    def _panes(self, run: Rows, floor: Array, up: Array) -> Array:
        each = dice(self._bays.place.take(run) * 13 + floor.astype(np.int32))
        bright = (np.float32(0.7) + np.float32(0.75) * each) * (np.float32(0.75) + np.float32(0.5) * up)
        share = np.where(self._bays.car, 0, self._sharp).take(run)
        return 1 + share * (bright - 1)


def _where(there: Mask, height_m: NDArray[np.floating]) -> Array:
    return np.where(there, height_m, NOWHERE).astype(np.float32)


def _bays(runs: WallRuns, table: ShapeTable) -> _Bays:
    row, kind = runs.row, table.kind[runs.row]
    building, car = kind == Kind.BUILDING, kind == Kind.CAR
    count = np.maximum(1, np.round(runs.length_m / table.bay_m[row]))
    bay = runs.along_m / runs.length_m * count
    number = bay.astype(np.int32)
    across = np.abs(bay % 1 - 0.5)
    windowed = building & ((table.windows_on[row] >> runs.edge.astype(np.uint8)) & 1 == 1)
    door = windowed & (number == (dice(row * 5 + runs.edge) * count).astype(int)) & (across < 0.2)
    wheel, glass = _car_side(runs, table)
    half = table.glazing[row] / 2
    return _Bays(
        building,
        car,
        row * 64 + number,
        windowed,
        windowed & table.shop[row],
        door | (car & wheel),
        (windowed & (across < half)) | (car & glass),
        windowed & (across < half + FRAME),
        across < 0.44,
    )


def _car_side(runs: WallRuns, table: ShapeTable) -> tuple[Mask, Mask]:
    """Return which pieces, if they are a car's, have a wheel below and glass between pillars above."""
    top_m, along = table.top_m[runs.row], runs.along_m / runs.length_m
    side = runs.length_m > 3
    wheel = (np.minimum(np.abs(along - 0.2), np.abs(along - 0.8)) * runs.length_m < 0.36) & side
    pillar = np.abs(along - 0.5) > 0.44
    from_rear = np.where(runs.edge == 0, along, 1 - along)
    blind = (top_m > CABIN_M) & side & (from_rear < VAN_BODY)
    return wheel, (top_m > BODY_M) & ~(pillar | blind)
