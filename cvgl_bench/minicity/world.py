"""The sizes of a generated world, and where on the Earth its cities, regions and tiles lie."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cvgl_bench.foundation.errors import UsageError, suggest
from cvgl_bench.foundation.geo import from_mercator_px, mercator_px, metres_per_px
from cvgl_bench.minicity.style import STYLES

Layout = Literal["dress", "vigor"]

GENERATOR_VERSION = 4
"""Part of every digest: raise it with any change that alters a pixel or a label."""


@dataclass(frozen=True)
class WorldPlan:
    """Every size of a generated world; two equal plans give byte-identical folders."""

    name: str
    """What the data set is called."""
    layout: Layout
    """`dress`: seamless tiles. `vigor`: tiles that overlap their neighbours by half."""
    cities: tuple[str, ...]
    """Names out of `STYLES`."""
    tiles_per_side: int = 16
    """A city has tiles_per_side**2 tiles."""
    tile_px: int = 112
    """Side of a stored tile."""
    zoom: float = 18.0
    """Web-Mercator zoom of the tiles: 0.597 m/px at the equator for 18."""
    panoramas_per_city: int = 1200
    """Panoramas of a city, train and test together."""
    panorama_px: tuple[int, int] = (96, 192)
    """Height and width of a panorama; the width is twice the height."""
    eye_m: float = 2.4
    """Height of the camera above the road."""
    registration_m: float = 1.0
    """Standard deviation, east and north, of how far a city's tiles lie off the map: Goudarzi and Landry
    (Geodesy and Cartography 43, 2017) found 0.1 to 2.7 m for Google Earth over Montreal."""
    position_m: float = 0.9
    """Standard deviation, east and north, of a panorama's recorded position: about the mean of 0.52 and
    1.23 m, the errors of points that Tsai and Chang (Feature positioning on Google Street View panoramas)
    intersected from two panoramas, for the most part those of the panoramas' positions."""
    changed: float = 0.04
    """Share of trees and of buildings' paint that a visit finds changed; fences twice as often."""
    seed: int = 0
    """The same seed gives the same world, another seed another one."""
    supersample: int = 2
    """Rays per panorama pixel, one above the other, and raster cells along the side of a tile pixel."""
    region_tiles: int = 8
    """A region of region_tiles**2 tiles is drawn at once: this, not the world's size, sets the memory."""
    jpeg_quality: int = 90
    """Of panoramas and of `dress` tiles; `vigor` tiles are PNG."""

    def __post_init__(self) -> None:
        for city in self.cities:
            if city not in STYLES:
                raise UsageError(
                    f"city '{city}' of world '{self.name}': there is no style of that name."
                    f"{suggest(city, STYLES)} Known: {', '.join(STYLES)}."
                )
        if self.layout not in ("dress", "vigor"):
            raise UsageError(f"layout '{self.layout}' of world '{self.name}': use 'dress' or 'vigor'.")
        if self.tiles_per_side < 2:
            raise UsageError(
                f"tiles_per_side {self.tiles_per_side}: a label names 4 tiles, so use at least 2."
            )
        if self.panorama_px[1] != 2 * self.panorama_px[0]:
            raise UsageError(f"panorama_px {self.panorama_px}: give (height, width) with width = 2 x height.")
        if self.tile_px < 4 or self.tile_px % 4:
            raise UsageError(
                f"tile_px {self.tile_px}: use a multiple of 4, so that half tiles meet on whole pixels."
            )
        for name in ("supersample", "region_tiles"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}: use 1 or more.")

    @property
    def stride_px(self) -> int:
        """Distance between the centres of neighbouring tiles."""
        return self.tile_px if self.layout == "dress" else self.tile_px // 2

    @property
    def tiles_per_city(self) -> int:
        return self.tiles_per_side**2


MINI_DRESS = WorldPlan(
    name="mini-dress",
    layout="dress",
    cities=("Chicago", "Johannesburg", "London", "Rio", "Sydney", "Taipei", "Tokyo", "Vancouver"),
)

MINI_VIGOR = WorldPlan(
    name="mini-vigor",
    layout="vigor",
    cities=("Chicago", "NewYork", "SanFrancisco", "Seattle"),
    tiles_per_side=22,
    tile_px=128,
    region_tiles=11,
    panoramas_per_city=2000,
)


def plan_digest(plan: WorldPlan) -> str:
    """Return 12 hexadecimal digits that change with any parameter and with the generator."""
    text = json.dumps([GENERATOR_VERSION, dataclasses.asdict(plan)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class CityFrame:
    """The grid of one city's tiles.

    Three coordinate systems, all x east and y south: map pixels from the city's centre (at the plan's
    zoom), metres from the centre (map pixels times `m_per_px`), and a tile's own pixels from its corner.
    """

    def __init__(self, plan: WorldPlan, city: str) -> None:
        self.plan = plan
        self.city = city
        lat, lon = STYLES[city].centre
        x, y = mercator_px(lat, lon, plan.zoom)
        self._centre_x_px, self._centre_y_px = float(x), float(y)
        self.m_per_px = float(metres_per_px(lat, plan.zoom))

    def tile_centre_px(self, row: int, column: int) -> tuple[float, float]:
        """Return the (x, y) map pixels of the centre of the tile at `row` (from north) and `column`."""
        middle = (self.plan.tiles_per_side - 1) / 2
        return (column - middle) * self.plan.stride_px, (row - middle) * self.plan.stride_px

    def lat_lon(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Return latitude and longitude in degrees of a map position."""
        lat, lon = from_mercator_px(self._centre_x_px + x_px, self._centre_y_px + y_px, self.plan.zoom)
        return float(lat), float(lon)


@dataclass(frozen=True)
class Region:
    """A rectangle of a city's tiles that is drawn at once, and its share of the panoramas."""

    city: str
    rows: range
    """Tile rows, counted from north."""
    columns: range
    first_panorama: int
    """Panoramas of the city in the regions before this one."""
    panoramas: int


def regions(plan: WorldPlan) -> Iterator[Region]:
    """Yield the regions of a world, city by city, in reading order; together they hold every tile once."""
    starts = range(0, plan.tiles_per_side, plan.region_tiles)
    for city in plan.cities:
        tiles = panoramas = 0
        for top in starts:
            for left in starts:
                rows = range(top, min(top + plan.region_tiles, plan.tiles_per_side))
                columns = range(left, min(left + plan.region_tiles, plan.tiles_per_side))
                tiles += len(rows) * len(columns)
                end = plan.panoramas_per_city * tiles // plan.tiles_per_city
                yield Region(city, rows, columns, panoramas, end - panoramas)
                panoramas = end
