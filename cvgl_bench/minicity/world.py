"""The sizes of a generated world, and where on the Earth its cities, regions and tiles lie."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from cvgl_bench.foundation.errors import UsageError, suggest
from cvgl_bench.foundation.geo import from_mercator_px, mercator_px, metres_per_px
from cvgl_bench.minicity.style import STYLES

Layout = Literal["dress", "vigor"]

GENERATOR_VERSION = 5
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
    training_cities: tuple[str, ...] = ()
    """Those of the cities that are large, so that there are enough pairs to learn from."""
    tiles_per_side: int = 16
    """A city has tiles_per_side**2 tiles."""
    training_tiles_per_side: int = 30
    """The same of a training city."""
    tile_px: int = 112
    """Side of a stored tile."""
    zoom: float = 18.0
    """Web-Mercator zoom of the tiles: 0.597 m/px at the equator for 18."""
    panoramas_per_city: int = 1200
    """Panoramas of a city, train and test together."""
    panoramas_per_training_city: int = 4200
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
    region_tiles: int = 15
    """Up to region_tiles**2 tiles are drawn at once: this, not the world's size, sets the memory."""
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
        for city in self.training_cities:
            if city not in self.cities:
                raise UsageError(f"training city '{city}' of world '{self.name}' is not one of its cities.")
        for name in ("tiles_per_side", "training_tiles_per_side"):
            if getattr(self, name) < 2:
                raise UsageError(f"{name} {getattr(self, name)}: a label names 4 tiles, so use at least 2.")
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

    def side(self, city: str) -> int:
        """Return how many tiles a city has along each side."""
        return self.training_tiles_per_side if city in self.training_cities else self.tiles_per_side

    def panoramas(self, city: str) -> int:
        """Return how many panoramas a city has, train and test together."""
        return self.panoramas_per_training_city if city in self.training_cities else self.panoramas_per_city

    @property
    def counts(self) -> dict[str, int]:
        """Return how many tiles and queries the world has."""
        return {
            "tiles": sum(self.side(city) ** 2 for city in self.cities),
            "queries": sum(self.panoramas(city) for city in self.cities),
        }


MINI_DRESS = WorldPlan(
    name="mini-dress",
    layout="dress",
    cities=("Chicago", "Johannesburg", "London", "Rio", "Sydney", "Taipei", "Tokyo", "Vancouver"),
    training_cities=("Chicago", "London", "Sydney", "Tokyo"),
)

MINI_DRESS_LARGE = dataclasses.replace(
    MINI_DRESS,
    name="mini-dress-large",
    tiles_per_side=26,
    training_tiles_per_side=54,
    panoramas_per_city=3000,
    panoramas_per_training_city=13_000,
)
"""For a GPU: 64,000 panoramas."""

MINI_VIGOR = WorldPlan(
    name="mini-vigor",
    layout="vigor",
    cities=("Chicago", "NewYork", "SanFrancisco", "Seattle"),
    training_cities=("NewYork", "Seattle"),
    tiles_per_side=22,
    training_tiles_per_side=44,
    tile_px=128,
    region_tiles=22,
    panoramas_per_city=2000,
    panoramas_per_training_city=8000,
)

PLANS = {plan.name: plan for plan in (MINI_DRESS, MINI_DRESS_LARGE, MINI_VIGOR)}
"""The worlds that data sets name."""


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
        self.tiles_per_side = plan.side(city)
        lat, lon = STYLES[city].centre
        x, y = mercator_px(lat, lon, plan.zoom)
        self._centre_x_px, self._centre_y_px = float(x), float(y)
        self.m_per_px = float(metres_per_px(lat, plan.zoom))

    def tile_centre_px(self, row: int, column: int) -> tuple[float, float]:
        """Return the (x, y) map pixels of the centre of the tile at `row` (from north) and `column`."""
        middle = (self.tiles_per_side - 1) / 2
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
    for city in plan.cities:
        side = plan.side(city)
        parts = _even_parts(side, plan.region_tiles)
        tiles = panoramas = 0
        for rows in parts:
            for columns in parts:
                tiles += len(rows) * len(columns)
                end = plan.panoramas(city) * tiles // side**2
                yield Region(city, rows, columns, panoramas, end - panoramas)
                panoramas = end


def _even_parts(count: int, most: int) -> list[range]:
    """Return 0..count in the fewest parts of up to `most`, as even as can be: less of it is margin."""
    parts = -(-count // most)
    ends = [count * k // parts for k in range(parts + 1)]
    return [range(first, last) for first, last in pairwise(ends)]
