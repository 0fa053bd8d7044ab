"""The vector drawing of one region: painted polygons, solids with walls and roofs, and trees."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rgb = tuple[float, float, float]
Number = TypeVar("Number", bound=np.generic)
Roof = Literal["flat", "gable", "hip"]
ALL_EDGES = 0b1111
EVERY_VISIT = 0
"""In place of the key of a visit: what lasts."""


class Kind(IntEnum):
    """What a shape is, as far as drawing it and standing on it is concerned."""

    ROAD = 0
    GROUND = 1
    WATER = 2
    BUILDING = 3
    CAR = 4
    PLAIN = 5
    """A solid with plain walls: a hedge, a garden wall, a machine on a roof."""


@dataclass(frozen=True)
class Solid:
    """Walls and roof of something that stands on a convex quad; colours are 8-bit sRGB reflectances."""

    kind: Kind
    top_m: float
    """Height of the eaves above the road."""
    roof_rgb: Rgb
    wall_rgb: Rgb
    glass_rgb: Rgb = (70, 80, 92)
    floor_m: float = 3.1
    bay_m: float = 3.0
    """Distance between windows."""
    glazing: float = 0.45
    """Width of a window as a share of a bay."""
    shop: bool = False
    windows_on: int = ALL_EDGES
    """Bit k: edge k has windows."""
    roof: Roof = "flat"
    pitch: float = 0.0
    """Rise of a pitched roof over its run."""


@dataclass(frozen=True)
class Tree:
    """One tree; positions in metres east and south of the city's centre."""

    x_m: float
    y_m: float
    height_m: float
    crown_m: float
    """Radius of the crown."""
    species: str
    leaves_rgb: Rgb
    variant: int
    """Which of the `plants.VARIANTS` shapes of its species."""


class Visit(Protocol):
    """What a scene asks of a visit to the city; places are (N, 2) in metres."""

    @property
    def key(self) -> int:
        """Return what tells the visit's own cars from those of others."""

    def finds_trees(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the trees at some places are there, (N,)."""

    def finds_fences(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the hedges and walls around some places are there, (N,)."""

    def paint(self, places: Floats) -> NDArray[np.int64]:
        """Return by how many channels the colours of the buildings around some places are turned, (N,)."""


@dataclass(frozen=True)
class _Shape:
    """One row of the table."""

    kind: Kind
    top_m: float
    rgb: Rgb
    grain: float
    of: int
    """Row of the solid that the shape belongs to."""
    visit: int
    solid: Solid | None = None
    corners: Floats | None = None


@dataclass(frozen=True)
class ShapeTable:
    """One row for each shape that the raster's ids point into; row 0 is the bare road."""

    kind: NDArray[np.uint8]
    top_m: NDArray[np.float32]
    albedo: NDArray[np.float32]
    """(N, 3), 0..255, seen from above."""
    grain: NDArray[np.float32]
    """Contrast of the surface's texture, 0..1."""
    solid: NDArray[np.int32]
    """Row of the solid that the shape belongs to, 0 where the shape is flat ground."""
    corners: NDArray[np.float32]
    """(N, 4, 2), metres; zeros for what is not a solid."""
    wall: NDArray[np.float32]
    glass: NDArray[np.float32]
    floor_m: NDArray[np.float32]
    bay_m: NDArray[np.float32]
    glazing: NDArray[np.float32]
    shop: NDArray[np.bool_]
    windows_on: NDArray[np.uint8]
    pitch: NDArray[np.float32]
    hip: NDArray[np.bool_]


_NOTHING = _Shape(Kind.GROUND, 0.0, (0, 0, 0), 0.0, 0, EVERY_VISIT)


class Scene:
    """A drawing in painter's order: what is painted later covers what was painted before.

    It holds what lasts, and what stands there on one visit only, the key of which it carries.
    """

    def __init__(self, road_rgb: Rgb, road_grain: float) -> None:
        self.polygons: list[tuple[Floats, int]] = []
        """(M, 2) corners in metres, and the row of the shape."""
        self.trees: list[Tree] = []
        self._rows: list[_Shape] = []
        self.surface(road_rgb, grain=road_grain, kind=Kind.ROAD)

    def surface(
        self,
        rgb: Rgb,
        *,
        grain: float = 0.06,
        kind: Kind = Kind.GROUND,
        top_m: float = 0.0,
        solid: int = 0,
        visit: int = EVERY_VISIT,
    ) -> int:
        """Add a flat surface and return its row; with `solid`, part of the roof of that solid."""
        self._rows.append(_Shape(kind, top_m, rgb, grain, solid, visit))
        return len(self._rows) - 1

    def paint(self, row: int, polygons: Floats) -> None:
        """Paint one polygon (M, 2) or several (N, M, 2) with the shape of that row."""
        for polygon in polygons[None] if polygons.ndim == 2 else polygons:
            self.polygons.append((polygon, row))

    def solid(self, corners: Floats, solid: Solid, *, grain: float = 0.08, visit: int = EVERY_VISIT) -> int:
        """Stand a solid on its (4, 2) corners and return its row."""
        row = len(self._rows)
        shape = _Shape(solid.kind, solid.top_m, solid.roof_rgb, grain, row, visit, solid, corners)
        self._rows.append(shape)
        self.polygons.append((corners, row))
        return row

    def found_by(self, visit: Visit) -> Scene:
        """Return what a visit finds: without what is gone or another visit's, and with its paint."""
        found = copy(self)
        places = np.array([(tree.x_m, tree.y_m) for tree in self.trees]).reshape(-1, 2)
        found.trees = [
            tree for tree, there in zip(self.trees, visit.finds_trees(places), strict=True) if there
        ]
        there = np.array([shape.visit in (EVERY_VISIT, visit.key) for shape in self._rows])
        fences, places = self._solids(Kind.PLAIN)
        there[fences] &= visit.finds_fences(places)
        found._rows = [shape if seen else _NOTHING for shape, seen in zip(self._rows, there, strict=True)]
        found.polygons = [polygon for polygon in self.polygons if there[polygon[1]]]
        buildings, places = self._solids(Kind.BUILDING)
        turns = visit.paint(places)
        for k in np.flatnonzero(turns).tolist():
            found._rows[buildings[k]] = _repainted(self._rows[buildings[k]], int(turns[k]))
        return found

    def _solids(self, kind: Kind) -> tuple[list[int], Floats]:
        """Return the rows of the solids of a kind, and their middles (N, 2)."""
        solids = [
            (k, s.corners) for k, s in enumerate(self._rows) if s.kind == kind and s.corners is not None
        ]
        corners = np.array([corners for _, corners in solids]).reshape(-1, 4, 2)
        return [k for k, _ in solids], corners.mean(1)

    def table(self) -> ShapeTable:
        """Return the columns of all shapes."""
        blank = Solid(Kind.GROUND, 0.0, (0, 0, 0), (0, 0, 0))
        solids = [row.solid or blank for row in self._rows]
        nowhere = np.zeros((4, 2))

        def column(name: str, dtype: type[Number]) -> NDArray[Number]:
            return np.array([getattr(s, name) for s in solids], dtype)

        return ShapeTable(
            kind=np.array([row.kind for row in self._rows], np.uint8),
            top_m=np.array([row.top_m for row in self._rows], np.float32),
            albedo=np.array([row.rgb for row in self._rows], np.float32),
            grain=np.array([row.grain for row in self._rows], np.float32),
            solid=np.array([row.of for row in self._rows], np.int32),
            corners=np.array(
                [nowhere if row.corners is None else row.corners for row in self._rows], np.float32
            ),
            wall=column("wall_rgb", np.float32),
            glass=column("glass_rgb", np.float32),
            floor_m=column("floor_m", np.float32),
            bay_m=column("bay_m", np.float32),
            glazing=column("glazing", np.float32),
            shop=column("shop", np.bool_),
            windows_on=column("windows_on", np.uint8),
            pitch=column("pitch", np.float32),
            hip=np.array([s.roof == "hip" for s in solids]),
        )


def _repainted(shape: _Shape, turn: int) -> _Shape:
    """Return a building with colours of another hue and the same range of brightness."""
    solid = shape.solid
    assert solid is not None, "only solids are painted"
    wall, roof = (_turned(rgb, turn) for rgb in (solid.wall_rgb, solid.roof_rgb))
    return replace(shape, rgb=roof, solid=replace(solid, wall_rgb=wall, roof_rgb=roof))


def _turned(rgb: Rgb, turn: int) -> Rgb:
    red, green, blue = (rgb[(channel + turn) % 3] for channel in range(3))
    return red, green, blue
