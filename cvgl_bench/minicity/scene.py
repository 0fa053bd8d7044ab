"""The vector drawing of one region: painted polygons, solids with walls and roofs, and trees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rgb = tuple[float, float, float]
Number = TypeVar("Number", bound=np.generic)
Roof = Literal["flat", "gable", "hip"]
ALL_EDGES = 0b1111


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
    """What a scene asks of the visit that it is drawn for."""

    def stands(self, tree: Tree) -> bool:
        """Return whether a tree is there."""

    def seen(self, solid: Solid, x_m: float, y_m: float) -> Solid | None:
        """Return a solid around (x_m, y_m) as it is found, None where it is gone."""


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


class Scene:
    """A drawing in painter's order: what is painted later covers what was painted before."""

    def __init__(self, road_rgb: Rgb, road_grain: float, visit: Visit | None = None) -> None:
        self._visit = visit
        self.polygons: list[tuple[Floats, int]] = []
        """(M, 2) corners in metres, and the row of the shape."""
        self.trees: list[Tree] = []
        self._rows: list[tuple[Kind, float, Rgb, float, int, Solid | None, Floats | None]] = []
        self.surface(road_rgb, grain=road_grain, kind=Kind.ROAD)

    def surface(
        self, rgb: Rgb, *, grain: float = 0.06, kind: Kind = Kind.GROUND, top_m: float = 0.0, solid: int = 0
    ) -> int:
        """Add a flat surface and return its row; with `solid`, part of the roof of that solid."""
        self._rows.append((kind, top_m, rgb, grain, solid, None, None))
        return len(self._rows) - 1

    def paint(self, row: int, polygons: Floats) -> None:
        """Paint one polygon (M, 2) or several (N, M, 2) with the shape of that row."""
        for polygon in polygons[None] if polygons.ndim == 2 else polygons:
            self.polygons.append((polygon, row))

    def plant(self, tree: Tree) -> None:
        """Plant a tree, unless the visit finds it gone."""
        if self._visit is None or self._visit.stands(tree):
            self.trees.append(tree)

    def solid(self, corners: Floats, solid: Solid, *, grain: float = 0.08) -> int:
        """Stand a solid on its (4, 2) corners and return its row; one that is gone is not painted."""
        row = len(self._rows)
        seen = solid if self._visit is None else self._visit.seen(solid, *corners.mean(0).tolist())
        if seen is None:
            return self.surface((0, 0, 0))
        solid = seen
        self._rows.append((solid.kind, solid.top_m, solid.roof_rgb, grain, row, solid, corners))
        self.polygons.append((corners, row))
        return row

    def table(self) -> ShapeTable:
        """Return the columns of all shapes."""
        blank = Solid(Kind.GROUND, 0.0, (0, 0, 0), (0, 0, 0))
        solids = [row[5] or blank for row in self._rows]
        nowhere = np.zeros((4, 2))

        def column(name: str, dtype: type[Number]) -> NDArray[Number]:
            return np.array([getattr(s, name) for s in solids], dtype)

        return ShapeTable(
            kind=np.array([row[0] for row in self._rows], np.uint8),
            top_m=np.array([row[1] for row in self._rows], np.float32),
            albedo=np.array([row[2] for row in self._rows], np.float32),
            grain=np.array([row[3] for row in self._rows], np.float32),
            solid=np.array([row[4] for row in self._rows], np.int32),
            corners=np.array([nowhere if row[6] is None else row[6] for row in self._rows], np.float32),
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
