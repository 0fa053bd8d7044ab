"""Maps of the queries, city by city: where each was found, over a mosaic of the reference tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation import geo
from cvgl_bench.report.page.mosaics import MOST_TILES, mosaic, spread_out
from cvgl_bench.report.page.pictures import Picture, PictureStock

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Split

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ZOOM = 20
"""Web-Mercator zoom in whose pixels maps are laid out; any zoom gives the same."""

WORLD_PX = geo.MERCATOR_TILE_PX * 2.0**ZOOM

WIDTH = 1000.0
"""Units of a map along its longer side."""

MOST_MAPS = 24
"""Cities with a map, those of the most queries first."""

SMALLEST_DOT, LARGEST_DOT = 3.0, 14.0
"""Units of a dot; the largest where a map has no more queries than DOTS_OF_LARGEST."""

DOTS_OF_LARGEST = 500

CLASSES = {"found": "found at the first place", "near": "among the best ten", "beyond": "beyond"}
"""What can have become of a query."""

CLASS_COLOURS = {"found": "#16b6f2", "near": "#ffc400", "beyond": "#ff3b5c"}
"""Seen on dark and on light tiles, and told apart by colour-blind readers."""


@dataclass(frozen=True, eq=False)
class CityMap:
    """A city's map: its size in units, its mosaic, and where its queries lie.

    rows (n,): the city's queries, at (n, 2) their x and y in units. metre: units of a metre on the ground.
    tile_at (R, 2): the centre of every reference of the split in units, far outside for other cities'.
    tiles, drawn: how many references there are, and how many of them the mosaic shows.
    """

    city: str
    width: float
    height: float
    metre: float
    rows: Rows
    at: Floats
    tile_at: Floats
    tiles: int
    drawn: int
    mosaic: Picture | None

    @property
    def dot_width(self) -> float:
        """Width of a query's dot in units: the smaller, the more there are."""
        width = LARGEST_DOT * np.sqrt(DOTS_OF_LARGEST / len(self.rows))
        return float(np.clip(width, SMALLEST_DOT, LARGEST_DOT))

    @property
    def scale_bar_m(self) -> float:
        """A round length of an eighth to a quarter of the map's width, in metres."""
        longest = self.width / self.metre / 4
        power = 10.0 ** np.floor(np.log10(longest))
        return float(max(step * power for step in (1, 2, 5) if step * power <= longest))


def city_maps(split: Split, pictures: PictureStock) -> list[CityMap]:
    """Return the maps of a split's cities; none where places have no coordinates.

    Raises nothing for images that are missing: `pictures` counts them, and the mosaic is left out.
    """
    if not split.has_coordinates:
        return []
    cities, counts = np.unique(split.queries["city"].to_numpy(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_MAPS]
    most = max(1, MOST_TILES // len(order))
    return [_city_map(split, str(city), pictures, most) for city in sorted(cities[order])]


def classes_of(rank: Rows) -> NDArray[np.str_]:
    """Return the class of each rank, a name of CLASSES.

    >>> classes_of(np.array([0, 9, 10])).tolist()
    ['found', 'near', 'beyond']
    """
    return np.select([rank == 0, rank < 10], ["found", "near"], "beyond")


def dots(shown: CityMap, classes: NDArray[np.str_]) -> dict[str, str]:
    """Return an SVG path of dots for each class, those of the map's queries; classes (Q,) are all queries'.

    Lines of no length, which round ends make dots: a tenth of the bytes of a circle each.
    """
    own = classes[shown.rows]
    return {name: "".join(f"M{x:.0f} {y:.0f}h0" for x, y in shown.at[own == name]) for name in CLASSES}


def map_svg(shown: CityMap, paths: Mapping[str, str]) -> str:
    """Return a map as an SVG file of its own. paths: of its dots, by class."""
    size = f'width="{shown.width:.1f}" height="{shown.height:.1f}"'
    ground = f'<rect {size} fill="#8a8b8c"/>'
    if shown.mosaic is not None:
        ground = f'<image {size} preserveAspectRatio="none" href="{shown.mosaic.uri}"/>'
    drawn = "".join(
        f'<path d="{paths[name]}" stroke="{CLASS_COLOURS[name]}" stroke-width="{shown.dot_width:.1f}" '
        'stroke-linecap="round" fill="none"/>'
        for name in reversed(CLASSES)
    )
    box = f'viewBox="0 0 {shown.width:.1f} {shown.height:.1f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box}>{ground}{drawn}</svg>'


def _city_map(split: Split, city: str, pictures: PictureStock, most_tiles: int) -> CityMap:
    rows = np.flatnonzero(split.queries["city"].to_numpy(str) == city)
    of_city = np.flatnonzero(split.references["city"].to_numpy(str) == city)
    tiles = np.union1d(of_city, split.truth[rows])
    query, tile = _places(split, rows, tiles)
    half = _half_sides(split)
    frame = _Frame.around(query, tile[tiles], half[tiles])
    at = frame.units(tile)
    drawn = spread_out(tiles, at[tiles] / WIDTH, most_tiles)
    boxes = np.concatenate([at, half * frame.unit], axis=1)[drawn] / WIDTH
    latitude = float(np.median(split.references["lat"].to_numpy(np.float64)[tiles]))
    return CityMap(
        city=city,
        width=frame.across * frame.unit,
        height=frame.down * frame.unit,
        metre=float(frame.unit / geo.metres_per_px(latitude, ZOOM)),
        rows=rows,
        at=frame.units(query),
        tile_at=at,
        tiles=len(tiles),
        drawn=len(drawn),
        mosaic=mosaic(
            split,
            city,
            dict(zip(drawn.tolist(), boxes, strict=True)),
            pictures,
            size=np.array([frame.across, frame.down]) * frame.unit / WIDTH,
            reach=most_tiles**-0.5 if len(drawn) < len(tiles) else 0.0,
        ),
    )


def _places(split: Split, rows: Rows, tiles: Rows) -> tuple[Floats, Floats]:
    """Return queries `rows` (n, 2) and all tiles' centres (R, 2) in pixels of ZOOM, in one piece.

    Where queries and their `tiles` lie on both sides of the date line, the world is cut elsewhere.
    """
    query, tile = (
        np.stack(geo.mercator_px(table["lat"], table["lon"], ZOOM), axis=1)
        for table in (split.queries.iloc[rows], split.references)
    )
    if np.ptp(np.concatenate([query[:, 0], tile[tiles, 0]])) > WORLD_PX / 2:
        for places in (query, tile):
            places[:, 0] = np.remainder(places[:, 0] + WORLD_PX / 2, WORLD_PX)
    return query, tile


@dataclass(frozen=True)
class _Frame:
    """The part of the world that a map shows, in pixels of ZOOM, and units a pixel."""

    left: float
    top: float
    across: float
    down: float
    unit: float

    @classmethod
    def around(cls, query: Floats, tile: Floats, half: Floats) -> _Frame:
        """Return the frame of queries and of tiles, their centres and half sides, all (n, 2)."""
        corners = np.concatenate([query, tile - half, tile + half])
        across, down = np.maximum(np.ptp(corners, axis=0), 1.0).tolist()
        left, top = corners.min(axis=0).tolist()
        return cls(left, top, across, down, WIDTH / max(across, down))

    def units(self, places: Floats) -> Floats:
        """Return places (n, 2) in units of the map."""
        return (places - [self.left, self.top]) * self.unit


def _half_sides(split: Split) -> Floats:
    """Return half the width and height (R, 2) of every reference in pixels of ZOOM, 0 where unknown."""
    if not split.has_scale:
        return np.zeros((len(split.references), 2))
    tiles = split.references
    scale = tiles["m_per_px"].to_numpy(np.float64) / geo.metres_per_px(tiles["lat"], ZOOM)
    return tiles[["width_px", "height_px"]].to_numpy(np.float64) * scale[:, None] / 2
