"""Pieces of imagery with a grid of tiles on each: parts of a tile pyramid, or single images."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data.layouts.presence import read_header
from cvgl_bench.data_tools.building import geotiff, rasters
from cvgl_bench.data_tools.building.frames import GeoFrame, GroundFrame, MercatorFrame
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photo_files import is_companion
from cvgl_bench.data_tools.building.photos import Fault, Photo
from cvgl_bench.data_tools.building.tables import column_names, position_fault, read_rows
from cvgl_bench.data_tools.fetch.client import Client
from cvgl_bench.data_tools.fetch.lru_cache import LruCache
from cvgl_bench.data_tools.fetch.mosaic import crop
from cvgl_bench.data_tools.fetch.provider import Provider
from cvgl_bench.data_tools.fetch.tile_sources import (
    Template,
    local_tile_px,
    local_tiles,
    remote_tiles,
    require_zoom,
)
from cvgl_bench.data_tools.fetch.xyz import TileStore
from cvgl_bench.foundation.errors import DataError, OptionError, UsageError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX, from_mercator_px, mercator_px
from cvgl_bench.views.images import ImageArray, Size, read_image

DEFAULT_CITY = "area"
"""What the only city is called where nothing else names it."""
CITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
IMAGE_BYTES = 1_000_000_000
"""Decoded images kept in memory: a square of 18,000 pixels a side, or many small ones."""


class Scale(NamedTuple):
    """How large a pixel is: by Web-Mercator zoom, or in metres on the ground; one of the two is None."""

    zoom: float | None
    m_per_px: float | None

    def __str__(self) -> str:
        return f"z{self.zoom:g}" if self.m_per_px is None else f"m{self.m_per_px:g}"


@dataclass(frozen=True)
class Sheet:
    """A piece of imagery and its grid of rows x columns tiles.

    first: x and y of the first tile's corner in the frame's pixels. stride: pixels from tile to tile,
    down and right. image: the file, or None for a tile pyramid. by_window: whether tiles are read out of
    the file one by one, by rasterio, instead of decoding it whole.
    """

    city: str
    frame: GeoFrame
    scale: Scale
    first: tuple[int, int]
    rows: int
    columns: int
    tile_size: Size
    stride: Size
    image: Path | None = None
    by_window: bool = False

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Return x and y of a tile's top-left corner in the frame's pixels."""
        return self.first[0] + column * self.stride[1], self.first[1] + row * self.stride[0]

    def centre(self, row: int, column: int) -> tuple[float, float]:
        """Return latitude and longitude of a tile's centre."""
        x, y = self.corner(row, column)
        lat, lon = self.frame.to_lat_lon(x + self.tile_size[1] / 2, y + self.tile_size[0] / 2)
        return float(lat), float(lon)

    def wanted(self, suffix: str) -> Iterator[Placed]:
        """Yield every tile of the sheet, row by row."""
        for row in range(self.rows):
            for column in range(self.columns):
                lat, lon = self.centre(row, column)
                name = f"satellite_{self.scale}_{lon:.10f}_{lat:.10f}{suffix}"
                yield Placed(f"{self.city}/satellite/{name}", lat, lon, self.tile_size, self, row, column)


@dataclass(frozen=True)
class Placed(Wanted):
    """A tile to be cut out of its sheet."""

    sheet: Sheet
    row: int
    column: int


class SheetProvider(Provider):
    """Cuts tiles out of images and tile pyramids; pixels are copied, since tiles lie on whole pixels."""

    name = "sheet"
    view = "reference"
    terms = ""

    def __init__(self, client: Client, store: TileStore | None) -> None:
        super().__init__(client, {})
        self._store = store
        self._images: LruCache[Path, ImageArray] = LruCache(
            read_image, size=lambda image: image.nbytes, most_bytes=IMAGE_BYTES
        )

    def image(self, wanted: Wanted) -> ImageArray:
        """Return a tile's pixels."""
        assert isinstance(wanted, Placed)
        sheet = wanted.sheet
        left, top = sheet.corner(wanted.row, wanted.column)
        height, width = wanted.size_px
        if sheet.by_window:
            assert sheet.image is not None and isinstance(sheet.frame, MercatorFrame)
            return rasters.read_window(sheet.image, sheet.frame, (left, top), wanted.size_px)
        if sheet.image is not None:
            return np.ascontiguousarray(
                self._images.get(sheet.image)[top : top + height, left : left + width]
            )
        assert self._store is not None and isinstance(sheet.frame, MercatorFrame)
        centre = sheet.frame.left + left + width / 2, sheet.frame.top + top + height / 2
        return crop(self._store, centre, size=wanted.size_px, zoom=int(sheet.frame.zoom))

    def remarks(self) -> list[str]:
        """Return what is odd about the tiles of a pyramid."""
        return self._store.remarks() if self._store else []

    def requests(self, wanted: Wanted) -> int:
        """Return nothing: what is asked for is estimated before."""
        return 0


def open_imagery(options: BuildOptions, client: Client) -> TileStore | None:
    """Return the tile pyramid that the imagery is, or None where it is a CSV of images."""
    text = options.imagery
    if not text:
        raise UsageError(
            "Say where the imagery is by --imagery: a folder or URL of XYZ tiles, or a CSV of images."
        )
    if "://" in text:
        template = Template(text)
        client.keep_secret(*template.secrets)
        return TileStore(
            remote_tiles(template, client),
            tile_px=options.source_tile_px or MERCATOR_TILE_PX,
            placeholders=options.placeholders,
        )
    if "{" in text or (Path(text).is_dir() and not _geotiffs(text)):
        tile_px = options.source_tile_px or local_tile_px(text)
        store = TileStore(local_tiles(text), tile_px=tile_px, placeholders=options.placeholders)
        if options.zoom is not None:
            require_zoom(text, int(options.zoom), tile_px=tile_px)
        return store
    return None


def _geotiffs(imagery: str) -> list[Path]:
    """Return the GeoTIFFs that the imagery is: a file, or those in a folder."""
    place = Path(imagery)
    files = [place] if place.is_file() else sorted(place.glob("*")) if place.is_dir() else []
    files = [path for path in files if not is_companion(Path(path.name))]
    return [path for path in files if path.suffix.lower() in geotiff.SUFFIXES]


def read_sheets(
    options: BuildOptions, photos: Sequence[Photo], *, pyramid: bool
) -> tuple[list[Sheet], list[Fault]]:
    """Return the pieces of imagery, and the images that cannot be used.

    Raises DataError or UsageError where scale, area or sizes are missing or contradict each other.
    """
    if pyramid:
        return _pyramid_sheets(options, photos), []
    sheets: list[Sheet] = []
    faults: list[Fault] = []
    geotiffs = _geotiffs(options.imagery)
    for found in _geotiff_sheets(geotiffs, options) if geotiffs else _image_sheets(options):
        faults.append(found) if isinstance(found, Fault) else sheets.append(found)
    if not sheets:
        reason = f" The first: {faults[0].path} {faults[0].reason}." if faults else ""
        raise DataError(f"No image of {options.imagery} can be used.{reason}")
    _require_one_of_a_kind(sheets, options)
    return sheets, faults


def _image_sheets(options: BuildOptions) -> Iterator[Sheet | Fault]:
    table = Path(options.imagery)
    names = column_names(options.columns)
    for row in read_rows(table, names, required=("image", "lat_deg", "lon_deg")):
        path = table.parent / row.file_name("image")
        lat, lon = row.position()
        zoom, m_per_px = row.number("zoom", options.zoom), row.number("m_per_px", options.m_per_px)
        if (zoom is None) == (m_per_px is None):
            raise row.error(
                "give the image's scale, either as zoom or as m_per_px, in a column or as an option"
            )
        header = read_header(path)
        if header.fault:
            yield Fault(path, header.fault)
            continue
        height, width = header.size_px
        frame: GeoFrame
        if m_per_px is not None:
            frame = GroundFrame(lat, lon, width / 2, height / 2, m_per_px)
        else:
            assert zoom is not None
            x, y = mercator_px(lat, lon, zoom)
            frame = MercatorFrame(zoom, float(x) - width / 2, float(y) - height / 2)
        city = _checked_city(row.text("city") or DEFAULT_CITY)
        yield _grid(city, frame, Scale(zoom, m_per_px), header.size_px, options, path)


def _geotiff_sheets(paths: Sequence[Path], options: BuildOptions) -> Iterator[Sheet | Fault]:
    by_window, zoom = rasters.available(), options.zoom
    for path in paths:
        try:
            place = rasters.placement(path, zoom=zoom) if by_window else geotiff.read_placement(path)
        except DataError as error:
            yield Fault(path, str(error))
            continue
        # Files of another projection have no zoom of their own: the first one's holds for all.
        zoom = place.zoom
        frame = MercatorFrame(place.zoom, place.left_px, place.top_px)
        found = _grid(DEFAULT_CITY, frame, Scale(place.zoom, None), place.size_px, options, path)
        yield dataclasses.replace(found, by_window=by_window) if isinstance(found, Sheet) else found


def _grid(
    city: str, frame: GeoFrame, scale: Scale, extent: Size, options: BuildOptions, image: Path
) -> Sheet | Fault:
    """Lay as many tiles as fit into an image, in its middle; without a tile's size it is one tile."""
    size = (options.tile_px, options.tile_px) if options.tile_px else extent
    if size[0] > extent[0] or size[1] > extent[1]:
        return Fault(image, f"has {extent[1]} x {extent[0]} px, less than a tile of {size[1]} x {size[0]}")
    stride = stride_of(size, options.overlap)
    rows, columns = ((extent[axis] - size[axis]) // stride[axis] + 1 for axis in (0, 1))
    used = (rows - 1) * stride[0] + size[0], (columns - 1) * stride[1] + size[1]
    first = (extent[1] - used[1]) // 2, (extent[0] - used[0]) // 2
    return Sheet(city, frame, scale, first, rows, columns, size, stride, image)


def stride_of(size: Size, overlap: float) -> Size:
    """Return the whole pixels from tile to tile, down and right."""
    return max(1, round(size[0] * (1 - overlap))), max(1, round(size[1] * (1 - overlap)))


def _pyramid_sheets(options: BuildOptions, photos: Sequence[Photo]) -> list[Sheet]:
    if options.zoom is None or options.zoom != int(options.zoom):
        raise UsageError("XYZ imagery needs a whole --zoom.")
    if options.tile_px is None:
        raise UsageError("XYZ imagery needs --tile-px, the side of a reference tile.")
    size = (options.tile_px, options.tile_px)
    areas = [parse_area(text) for text in options.areas]
    if not areas:
        areas = list(_areas_around(photos, options.zoom, options.tile_px))
    return [area_sheet(area, options.zoom, size=size, overlap=options.overlap) for area in areas]


class Area(NamedTuple):
    """A rectangle in degrees; one that goes over the date line ends at an `east` above 180."""

    city: str
    west: float
    south: float
    east: float
    north: float


MOST_AREA_DEG = 90
"""An area that ends west of where it begins goes over the date line if it is no wider, else is an error."""


def parse_area(text: str) -> Area:
    """Read 'west,south,east,north', with 'City=' before it or not; OptionError for anything else."""
    city, separator, numbers = text.rpartition("=")
    try:
        west, south, east, north = (float(number) for number in numbers.split(","))
    except ValueError:
        raise OptionError(f"The area '{text}' is not of the form west,south,east,north in degrees.") from None
    for lat, lon in ((south, west), (north, east)):
        reason = position_fault(lat, lon)
        if reason:
            raise OptionError(f"The area '{text}': {reason}. Its order is west,south,east,north.")
    if east < west and east + 360 - west < MOST_AREA_DEG:
        east += 360
    if west >= east or south >= north:
        raise OptionError(f"The area '{text}' is empty: its order is west,south,east,north.")
    return Area(_checked_city(city if separator else DEFAULT_CITY), west, south, east, north)


def _areas_around(photos: Sequence[Photo], zoom: float, margin_px: int) -> Iterator[Area]:
    """Yield the rectangle around each city's photos, a tile wider on every side."""
    for city in dict.fromkeys(photo.city or DEFAULT_CITY for photo in photos):
        own = [photo for photo in photos if (photo.city or DEFAULT_CITY) == city]
        x, y = mercator_px([photo.lat for photo in own], [photo.lon for photo in own], zoom)
        x = _together(x, MERCATOR_TILE_PX * 2.0**zoom)
        north, west = from_mercator_px(x.min() - margin_px, y.min() - margin_px, zoom)
        south, east = from_mercator_px(x.max() + margin_px, y.max() + margin_px, zoom)
        yield Area(_checked_city(city), float(west), float(south), float(east), float(north))


def _together(x: NDArray[np.float64], world_px: float) -> NDArray[np.float64]:
    """Return x of world pixels without the date line between them: those east of it a world further on."""
    order = np.sort(x)
    gaps = np.diff(order, append=order[0] + world_px)
    widest = int(np.argmax(gaps))
    return x if widest == len(order) - 1 else np.where(x <= order[widest], x + world_px, x)


def area_sheet(area: Area, zoom: float, *, size: Size, overlap: float) -> Sheet:
    """Cover an area with tiles, from its north-western corner taken to a whole pixel."""
    x, y = mercator_px([area.north, area.south], [area.west, area.east], zoom)
    left, top = round(float(x[0])), round(float(y[0]))
    stride = stride_of(size, overlap)
    extent = float(y[1]) - top, float(x[1]) - left
    left %= round(MERCATOR_TILE_PX * 2.0**zoom)
    # A pixel that rounding has gained is worth no row of tiles.
    rows, columns = (
        max(0, int(np.ceil((extent[axis] - size[axis] - 1) / stride[axis]))) + 1 for axis in (0, 1)
    )
    frame = MercatorFrame(zoom, left, top)
    return Sheet(area.city, frame, Scale(zoom, None), (0, 0), rows, columns, size, stride)


def _checked_city(name: str) -> str:
    if not CITY.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a city's folder: use letters, digits, - and _ only."
        )
    return name


def _require_one_of_a_kind(sheets: Sequence[Sheet], options: BuildOptions) -> None:
    sizes = {sheet.tile_size: sheet for sheet in sheets}
    if len(sizes) > 1:
        one, other = list(sizes.values())[:2]
        raise DataError(
            f"{one.image} and {other.image} have different sizes; give --tile-px to cut equal tiles."
        )
    zooms = {sheet.scale.zoom for sheet in sheets}
    if len(zooms) > 1:
        raise DataError(f"The images of {options.imagery} have several zooms; a data set has one.")
    for city in {sheet.city for sheet in sheets}:
        scales = sorted({str(sheet.scale) for sheet in sheets if sheet.city == city})
        if len(scales) > 1:
            raise DataError(
                f"The images of {city} have several scales ({', '.join(scales)}); a city has one."
            )
