"""Turns the vector scene of a region into rasters: shapes, heights, shadows and lit colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cvgl_bench.minicity.grain import grain
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.plants import crown_stamp
from cvgl_bench.minicity.scene import Scene, ShapeTable, Tree
from cvgl_bench.minicity.shapes import edge_lengths, inward_normals

Floats = NDArray[np.float64]

SELF_SHADOW_CM = 25
"""A surface counts as lit up to this depth below the shadow's top: hides the raster's rounding."""
SHADE_ONE = 128
"""Fixed-point 1.0 of the roof-slope shading."""
STRIP_ROWS = 64
"""Rows that are lit at a time, few enough to stay in the processor's cache."""
NO_SHADOW_CM = -12_000


@dataclass(frozen=True)
class Canvas:
    """The grid of a raster; cells are counted east and south from the city's centre."""

    left: int
    top: int
    width: int
    height: int
    m_per_cell: float

    def cells(self, position_m: Floats) -> Floats:
        """Return (..., 2) positions in cells from the canvas's corner."""
        return np.asarray(position_m) / self.m_per_cell - (self.left, self.top)


@dataclass(frozen=True)
class Rasters:
    """All that the two renderers need to know about a region."""

    canvas: Canvas
    table: ShapeTable
    ids: NDArray[np.int32]
    """(H, W), row of the shape on top."""
    height_cm: NDArray[np.int16]
    """(H, W), ground, cars and buildings; trees are not in it."""
    shadow_cm: NDArray[np.int16]
    """(H, W), height up to which the place lies in the shadow of anything, trees included."""
    lit: NDArray[np.uint8]
    """(H, W, 4), RGB and a spare byte: ground, cars and roofs in sun and shadow, without trees."""

    def within(self, margin: int) -> Rasters:
        """Return the same rasters without their outer `margin` cells."""
        canvas, inner = self.canvas, slice(margin, -margin or None)
        smaller = Canvas(
            canvas.left + margin, canvas.top + margin, canvas.width - 2 * margin, canvas.height - 2 * margin,
            canvas.m_per_cell,
        )  # fmt: skip
        part = (inner, inner)
        return Rasters(
            smaller, self.table, self.ids[part], self.height_cm[part], self.shadow_cm[part], self.lit[part]
        )


def rasterise(scene: Scene, canvas: Canvas, light: Light, *, seed: int) -> Rasters:
    """Return the rasters of a scene; its grain follows from `seed`."""
    table = scene.table()
    ids = _draw_ids(scene, canvas)
    height_cm = (np.round(table.top_m * 100).astype(np.int16))[ids]
    shade = np.full(ids.shape, SHADE_ONE, np.uint8)
    _pitch_roofs(ids, height_cm, shade, table, canvas, light)
    blockers_cm = height_cm.copy()
    for tree in scene.trees:
        _raise_crown(blockers_cm, canvas, tree)
    shadow_cm = _shadow_heights(blockers_cm, canvas.m_per_cell, light)
    texture = grain(seed, canvas.left, canvas.top, canvas.width, canvas.height)
    lit = _lit(ids, height_cm, shadow_cm, shade, table, light, texture)
    return Rasters(canvas, table, ids, height_cm, shadow_cm, lit)


def _draw_ids(scene: Scene, canvas: Canvas) -> NDArray[np.int32]:
    image = Image.new("I", (canvas.width, canvas.height), 0)
    draw = ImageDraw.Draw(image)
    sizes = [len(points) for points, _ in scene.polygons]
    # Pillow cuts coordinates down to whole cells and draws the last one too: shapes grow by half a cell.
    cells = canvas.cells(np.concatenate([points for points, _ in scene.polygons]))
    starts = np.cumsum([0, *sizes[:-1]])
    low, high = np.minimum.reduceat(cells, starts), np.maximum.reduceat(cells, starts)
    seen = np.all((high > 0) & (low < (canvas.width, canvas.height)), axis=1)
    flat = cells.ravel().tolist()
    for k in np.flatnonzero(seen):
        first = 2 * starts[k]
        draw.polygon(flat[first : first + 2 * sizes[k]], fill=scene.polygons[k][1])
    return np.array(image, np.int32)


def _window(canvas: Canvas, low: Floats, high: Floats) -> tuple[slice, slice]:
    first = np.clip(np.floor(low).astype(int), 0, (canvas.width, canvas.height))
    last = np.clip(np.ceil(high).astype(int) + 1, 0, (canvas.width, canvas.height))
    return slice(first[1], last[1]), slice(first[0], last[0])


def _pitch_roofs(
    ids: NDArray[np.int32],
    height_cm: NDArray[np.int16],
    shade: NDArray[np.uint8],
    table: ShapeTable,
    canvas: Canvas,
    light: Light,
) -> None:
    """Raise the pitched roofs from their eaves, and shade each slope by its turn to the sun."""
    for row in np.flatnonzero(table.pitch > 0):
        corners = canvas.cells(table.corners[row])
        rows, columns = _window(canvas, corners.min(0), corners.max(0))
        inside = ids[rows, columns] == row
        if not inside.any():
            continue
        x = np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        normals = inward_normals(corners)
        sides = edge_lengths(corners)
        edges = (
            (0, 1, 2, 3)
            if table.hip[row]
            else ((0, 2) if sides[0] + sides[2] > sides[1] + sides[3] else (1, 3))
        )
        away = (normals * corners).sum(1).astype(np.float32)
        across = normals.astype(np.float32)
        runs = np.stack([x * across[k, 0] + (y * across[k, 1] - away[k]) for k in edges])
        nearest = runs.argmin(0)
        rise_cm = np.maximum(runs.min(0), 0) * np.float32(canvas.m_per_cell * 100 * table.pitch[row])
        height_cm[rows, columns] += np.where(inside, rise_cm, 0).astype(np.int16)
        slopes = np.array([light.on_slope(normals[k], table.pitch[row]) for k in edges])
        fixed = np.round(np.clip(slopes, 0, 1.9) * SHADE_ONE).astype(np.uint8)
        shade[rows, columns] = np.where(inside, fixed[nearest], shade[rows, columns])


def _raise_crown(blockers_cm: NDArray[np.int16], canvas: Canvas, tree: Tree) -> None:
    crown = placed_crown(canvas, tree)
    if crown is not None:
        top_cm = np.where(crown.alpha, crown.dome * (tree.height_m * 100), 0).astype(np.int16)
        covered = blockers_cm[crown.rows, crown.columns]
        np.maximum(covered, top_cm, out=covered)


@dataclass(frozen=True)
class PlacedCrown:
    """The part of a tree's crown inside a canvas: where it lies, and its stamp there."""

    rows: slice
    columns: slice
    alpha: NDArray[np.bool_]
    dome: NDArray[np.float32]
    bright: NDArray[np.float32]


def placed_crown(canvas: Canvas, tree: Tree) -> PlacedCrown | None:
    """Return the crown of a tree on a canvas, None where it lies outside."""
    size = max(3, round(2 * tree.crown_m / canvas.m_per_cell))
    x, y = np.floor(canvas.cells(np.array([tree.x_m, tree.y_m])) - size / 2 + 0.5).astype(int).tolist()
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + size, canvas.width), min(y + size, canvas.height)
    if x0 >= x1 or y0 >= y1:
        return None
    stamp = crown_stamp(tree.species, tree.variant, size)
    part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
    return PlacedCrown(slice(y0, y1), slice(x0, x1), stamp.alpha[part], stamp.dome[part], stamp.bright[part])


def _shadow_heights(blockers_cm: NDArray[np.int16], m_per_cell: float, light: Light) -> NDArray[np.int16]:
    """Return how high each place is shadowed: max over k >= 1 of the height k cells sunwards less k drops.

    The maximum over 2**n cells is taken by doubling: n passes rather than 2**n.
    """
    drop_cm = light.tan_elevation * m_per_cell * 100
    shadow = np.full_like(blockers_cm, NO_SHADOW_CM)
    _lower(blockers_cm, 1.5 * light.towards_sun, 1.5 * drop_cm, shadow)
    reach, highest = 1, int(blockers_cm.max())
    while reach * drop_cm < highest:
        _lower(shadow.copy(), reach * light.towards_sun, reach * drop_cm, shadow)
        reach *= 2
    return shadow


def _lower(source: NDArray[np.int16], offset: Floats, drop_cm: float, into: NDArray[np.int16]) -> None:
    dx, dy = (int(round(o)) for o in offset)
    height, width = source.shape
    rows, columns = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
    moved = source[max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] - np.int16(
        round(drop_cm)
    )
    np.maximum(into[rows, columns], moved, out=into[rows, columns])


def _lit(
    ids: NDArray[np.int32],
    height_cm: NDArray[np.int16],
    shadow_cm: NDArray[np.int16],
    shade: NDArray[np.uint8],
    table: ShapeTable,
    light: Light,
    texture: NDArray[np.float32],
) -> NDArray[np.uint8]:
    albedo = np.ascontiguousarray(table.albedo.T)
    out = np.empty((*ids.shape, 4), np.uint8)
    for top in range(0, len(ids), STRIP_ROWS):
        rows = slice(top, min(top + STRIP_ROWS, len(ids)))
        row_ids = ids[rows].astype(np.intp)
        surface = 1 + table.grain.take(row_ids) * texture[rows]
        sunny = height_cm[rows] >= shadow_cm[rows] - np.int16(SELF_SHADOW_CM)
        sun = shade[rows] * (sunny * np.float32(1 / SHADE_ONE))
        sun *= surface
        for channel in range(3):
            colour = albedo[channel].take(row_ids)
            colour *= surface * light.ambient[channel] + sun * light.sun[channel]
            np.minimum(colour, 255, out=colour)
            out[rows, :, channel] = colour
    return out
