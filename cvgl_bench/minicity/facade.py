"""The colour of walls: windows, doors, shops, cornices, and the sides of cars and hedges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.plants import dice
from cvgl_bench.minicity.scene import Kind, ShapeTable
from cvgl_bench.minicity.traffic import BODY_M, CABIN_M

Array = NDArray[np.float32]
Rows = NDArray[np.intp]

SHOP_M = 3.6
"""Height of a shop front."""
SIGN_M = 0.7
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
GLASS_TOP_M = 1.85
SIGN_RGB = np.array(
    [(168, 44, 40), (36, 84, 132), (34, 110, 76), (222, 190, 70), (60, 56, 60), (226, 222, 214)], np.float32
)
DOOR_RGB = np.array([(92, 44, 34), (34, 62, 52), (46, 52, 82), (120, 96, 70), (60, 58, 56)], np.float32)


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


def wall_colours(runs: WallRuns, run: Rows, height_m: Array, table: ShapeTable, light: Light) -> Array:
    """Return the lit colours (N, 3), 0..255, of pixels, given the `run` and the height of each."""
    colour = table.wall[runs.row][run]
    kind = table.kind[runs.row][run]
    building = np.flatnonzero(kind == Kind.BUILDING)
    if building.size:
        colour[building] = _building(runs, run[building], height_m[building], colour[building], table)
    car = np.flatnonzero(kind == Kind.CAR)
    if car.size:
        colour[car] = _car(runs, run[car], height_m[car], colour[car], table)
    sun = light.on_wall(runs.outward)[run] * (height_m >= runs.shadow_m[run])
    return colour * (light.ambient + sun[:, None] * light.sun)


def _building(runs: WallRuns, run: Rows, z: Array, colour: Array, table: ShapeTable) -> Array:
    row = runs.row
    bays = np.maximum(1, np.round(runs.length_m / table.bay_m[row]))
    bay = runs.along_m / runs.length_m * bays
    place = row * 64 + bay.astype(np.int32)
    across = np.abs(bay % 1 - 0.5)
    windowed = (table.windows_on[row] >> runs.edge.astype(np.uint8)) & 1 == 1
    shop = windowed & table.shop[row]
    has_door = windowed & (bay.astype(int) == (dice(row * 5 + runs.edge) * bays).astype(int)) & (across < 0.2)
    block = (runs.along_m * 2.2).astype(np.int32) + row * 7
    colour *= (0.95 + 0.1 * dice(block[run] + (z * 4).astype(np.int32) * 311))[:, None]
    colour[z < PLINTH_M] *= 0.72
    below = z < table.top_m[row][run] - CORNICE_M
    top = np.flatnonzero(~below)
    colour[top] = np.minimum(colour[top] * 1.22, 246)
    street = z <= SHOP_M
    upper = np.flatnonzero(windowed[run] & below & ~(street & shop[run]))
    colour[upper] = _windows(runs, table, place, across, run[upper], z[upper], colour[upper])
    front = np.flatnonzero(shop[run] & street & below)
    colour[front] = _shop_front(across[run[front]], place[run[front]], z[front], colour[front])
    door = np.flatnonzero(has_door[run] & (z < DOOR_M))
    colour[door] = DOOR_RGB[(dice(row[run[door]] * 3) * len(DOOR_RGB)).astype(int)]
    return colour


def _windows(
    runs: WallRuns,
    table: ShapeTable,
    place: NDArray[np.int32],
    across: Array,
    run: Rows,
    z: Array,
    face: Array,
) -> Array:
    """Return wall colours with windows over them, fading to their mean in the distance."""
    row = runs.row
    glazing = table.glazing[row]
    curtain = glazing > CURTAIN
    sill, lintel = np.where(curtain, 0.12, SILL), np.where(curtain, 0.95, LINTEL)
    share = glazing * (lintel - sill)
    sharp = np.clip(2 - runs.pixel_m / (BLUR * table.bay_m[row]), 0, 1)
    storey = z / table.floor_m[row][run]
    floor = storey.astype(np.int32)
    up = storey - floor
    framed = (across < glazing / 2 + FRAME)[run] & (up > sill[run] - 0.05) & (up < lintel[run] + 0.03)
    glazed = (across < glazing / 2)[run] & (up > sill[run]) & (up < lintel[run])
    pane = (0.7 + 0.75 * dice(place[run] * 13 + floor)) * (0.75 + 0.5 * up)
    glass = table.glass[row][run]
    mean = face + (glass - face) * share.astype(np.float32)[run][:, None]
    face[framed] = np.minimum(face[framed] * 1.25 + 12, 244)
    face[glazed] = (glass * pane[:, None])[glazed]
    return mean + (face - mean) * sharp.astype(np.float32)[run][:, None]


def _shop_front(across: Array, place: NDArray[np.int32], z: Array, face: Array) -> Array:
    sign = z > SHOP_M - SIGN_M
    face[sign] = SIGN_RGB[(dice(place[sign] // 2) * len(SIGN_RGB)).astype(int)]
    pane = (across < 0.44) & (z > 0.5) & (z < SHOP_M - SIGN_M - 0.2)
    glow = 60 + 90 * dice(place[pane] * 7)
    face[pane] = glow[:, None] * np.array([1.0, 0.94, 0.82], np.float32)
    return face


def _car(runs: WallRuns, run: Rows, z: Array, colour: Array, table: ShapeTable) -> Array:
    """Paint, tyres, and above the body glass between pillars."""
    along = runs.along_m / runs.length_m
    side = runs.length_m > 3
    wheel = (np.minimum(np.abs(along - 0.2), np.abs(along - 0.8)) * runs.length_m < 0.36) & side
    pillar = np.abs(along - 0.5) > 0.44
    colour[z < 0.35] *= 0.55
    colour[(z < 0.62) & wheel[run]] = 28
    from_rear = np.where(runs.edge == 0, along, 1 - along)
    blind = (table.top_m[runs.row] > CABIN_M) & side & (from_rear < VAN_BODY)
    glass = (table.top_m[runs.row] > BODY_M)[run] & (z > BODY_M) & (z < GLASS_TOP_M) & ~(pillar | blind)[run]
    colour[glass] = table.glass[runs.row][run[glass]]
    return colour
