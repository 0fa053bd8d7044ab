"""Maps of the queries, city by city: where each was found, over a mosaic of the reference tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.loading import SplitImages
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.report.page.pictures import Picture, Pictures
from cvgl_bench.views.images import ImageArray, resize

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Split

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ZOOM = 20
"""Web-Mercator zoom in whose pixels maps are laid out; any zoom gives the same."""

WORLD_PX = geo.MERCATOR_TILE_PX * 2.0**ZOOM

WIDTH = 1000.0
"""Units of a map along its longer side."""

MOSAIC_PX = 640
"""Pixels of a mosaic along its longer side."""

LEAST_TILE_PX = 2.0
"""A mosaic whose tiles would be smaller shows nothing, and is left out."""

MOST_TILES = 3000
"""Tiles that are read for all mosaics together; of more, every city shows an even part."""

FAULTS_AT_ONCE = 20
"""After so many tiles without one that can be read, no other is tried: the images are not there."""

MOST_MAPS = 24
"""Cities with a map, those of the most queries first."""

SMALLEST_DOT, LARGEST_DOT = 3.0, 14.0
"""Units of a dot; the largest where a map has no more queries than DOTS_OF_LARGEST."""

DOTS_OF_LARGEST = 500

GREY = 128

CLASSES = {"found": "found at the first place", "near": "among the best ten", "beyond": "beyond"}
"""What can have become of a query."""


@dataclass(frozen=True, eq=False)
class CityMap:
    """A city's map: its size in units, its mosaic, and where its queries lie.

    rows (n,): the city's queries, with x and y (n,) in units. metre: units of a metre on the ground.
    tiles, drawn: how many references there are, and how many of them the mosaic shows.
    tile_x, tile_y (R,): the centre of every reference of the split in units, far outside for other cities'.
    """

    city: str
    width: float
    height: float
    metre: float
    rows: Rows
    x: Floats
    y: Floats
    tile_x: Floats
    tile_y: Floats
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


def city_maps(split: Split, pictures: Pictures) -> list[CityMap]:
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
    return {
        name: "".join(f"M{x:.0f} {y:.0f}h0" for x, y in zip(shown.x[at], shown.y[at], strict=True))
        for name in CLASSES
        for at in [own == name]
    }


def _city_map(split: Split, city: str, pictures: Pictures, most_tiles: int) -> CityMap:
    rows = np.flatnonzero(split.queries["city"].to_numpy(str) == city)
    of_city = np.flatnonzero(split.references["city"].to_numpy(str) == city)
    tiles = np.union1d(of_city, split.truth[rows])
    centres = split.references[["lat", "lon"]].to_numpy(np.float64)
    query = _mercator(split.queries[["lat", "lon"]].to_numpy(np.float64)[rows])
    tile = _mercator(centres)
    if np.ptp(np.concatenate([query[0], tile[0][tiles]])) > WORLD_PX / 2:
        # On both sides of the date line: the map is cut at Greenwich instead.
        query, tile = ((np.remainder(x + WORLD_PX / 2, WORLD_PX), y) for x, y in (query, tile))
    half = _half_sides(split)
    frame = _Frame.around(query, tile[0][tiles], tile[1][tiles], half[tiles])
    drawn = tiles[np.unique(np.linspace(0, len(tiles) - 1, min(most_tiles, len(tiles))).astype(int))]
    at = frame.units(*tile)
    boxes = np.stack([*at, *(half * frame.unit).T], axis=1)[drawn] * MOSAIC_PX / WIDTH
    x, y = frame.units(*query)
    return CityMap(
        city=city,
        width=frame.across * frame.unit,
        height=frame.down * frame.unit,
        metre=float(frame.unit / geo.metres_per_px(np.median(centres[tiles, 0]), ZOOM)),
        rows=rows,
        x=x,
        y=y,
        tile_x=at[0],
        tile_y=at[1],
        tiles=len(tiles),
        drawn=len(drawn),
        mosaic=_mosaic_picture(split, city, drawn, boxes, frame, pictures),
    )


@dataclass(frozen=True)
class _Frame:
    """The part of the world that a map shows, in pixels of ZOOM, and units a pixel."""

    left: float
    top: float
    across: float
    down: float
    unit: float

    @classmethod
    def around(cls, query: tuple[Floats, Floats], x: Floats, y: Floats, half: Floats) -> _Frame:
        """Return the frame of queries and of tiles with their centres and half sides."""
        xs = np.concatenate([query[0], x - half[:, 0], x + half[:, 0]])
        ys = np.concatenate([query[1], y - half[:, 1], y + half[:, 1]])
        across, down = max(float(np.ptp(xs)), 1.0), max(float(np.ptp(ys)), 1.0)
        return cls(float(xs.min()), float(ys.min()), across, down, WIDTH / max(across, down))

    def units(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return places in units of the map."""
        return (x - self.left) * self.unit, (y - self.top) * self.unit


def _mosaic_picture(
    split: Split, city: str, drawn: Rows, boxes: Floats, frame: _Frame, pictures: Pictures
) -> Picture | None:
    px = frame.unit * MOSAIC_PX / WIDTH
    size = round(frame.down * px), round(frame.across * px)
    if min(size) < 1 or 2 * boxes[:, 2:].min() < LEAST_TILE_PX:
        return None
    read = partial(_mosaic, split, drawn, boxes, size)
    return pictures.add(("mosaic", city), read, most=(MOSAIC_PX, MOSAIC_PX))


def _mercator(lat_lon: Floats) -> tuple[Floats, Floats]:
    return geo.mercator_px(lat_lon[:, 0], lat_lon[:, 1], ZOOM)


def _half_sides(split: Split) -> Floats:
    """Return half the width and height (R, 2) of every reference in pixels of ZOOM, 0 where unknown."""
    if not split.has_scale:
        return np.zeros((len(split.references), 2))
    tiles = split.references
    scale = tiles["m_per_px"].to_numpy(np.float64) / geo.metres_per_px(tiles["lat"], ZOOM)
    return tiles[["width_px", "height_px"]].to_numpy(np.float64) * scale[:, None] / 2


def _mosaic(split: Split, drawn: Rows, boxes: Floats, size: tuple[int, int]) -> ImageArray:
    """Return the tiles `drawn` in their places, (x, y, half width, half height) in `boxes`, in pixels.

    Raises DataError for the first tile where none can be read; those that cannot stay grey else.
    """
    canvas = np.full((*size, 3), GREY, np.uint8)
    high, wide = (int(np.ceil(2 * boxes[:, axis].max())) + 1 for axis in (3, 2))
    images = SplitImages(split, reference_least=(high, wide))
    faults: list[DataError] = []
    painted = 0
    for image, (x, y, half_x, half_y) in _readable(images.reference, drawn, boxes):
        if isinstance(image, DataError):
            faults.append(image)
            if len(faults) == FAULTS_AT_ONCE and not painted:
                break
            continue
        columns = slice(*np.clip(np.round([x - half_x, x + half_x]).astype(int), 0, size[1]))
        rows = slice(*np.clip(np.round([y - half_y, y + half_y]).astype(int), 0, size[0]))
        place = rows.stop - rows.start, columns.stop - columns.start
        if min(place) > 0:
            canvas[rows, columns] = resize(image, place, antialias=True)
            painted += 1
    if not painted:
        raise faults[0] if faults else DataError("The mosaic holds no tile.")
    return canvas


def _readable(
    read: Callable[[int], ImageArray], drawn: Rows, boxes: Floats
) -> Iterator[tuple[ImageArray | DataError, Floats]]:
    """Yield each tile's image, or the error that reading it raised, and its box."""
    for row, box in zip(drawn, boxes, strict=True):
        try:
            yield read(int(row)), box
        except DataError as error:
            yield error, box
