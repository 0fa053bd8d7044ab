"""GeoTIFFs of any projection and size, by rasterio: a tile's window is read and turned into Web-Mercator."""

from __future__ import annotations

import importlib.util
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data_tools.building.frames import MercatorFrame
from cvgl_bench.data_tools.building.geotiff import SQUARE, WEB_MERCATOR, WORLD_M, Placement, zoom_of
from cvgl_bench.data_tools.fetch.client import Missing
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX
from cvgl_bench.views.images import ImageArray, Size

if TYPE_CHECKING:
    from rasterio.io import DatasetReader
    from rasterio.vrt import WarpedVRT

DRIVER = "GTiff"
"""The only format: GDAL has others that read further files, or fetch them."""
COLOURS, LEVELS = 3, 256
MOST_EMPTY = 0.01
"""A tile with a larger share of pixels without imagery is left out; black pixels may count as such."""


def available() -> bool:
    """Return whether rasterio, the extra `geotiff`, is installed."""
    return importlib.util.find_spec("rasterio") is not None


def placement(path: Path, *, zoom: float | None = None) -> Placement:
    """Return where a GeoTIFF lies at a zoom, by default that of its own pixels.

    DataError where it does not say, or holds something other than 8-bit pictures. In Web-Mercator at its
    own zoom the file's pixels stay what they are; otherwise the grid is that of whole world pixels.
    """
    import rasterio
    from rasterio.warp import calculate_default_transform

    try:
        with warnings.catch_warnings():
            # It is said as an error, by `_require_picture`.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            source = rasterio.open(path, driver=DRIVER)
        with source:
            _require_picture(source)
            to_mercator, width, height = calculate_default_transform(
                source.crs, WEB_MERCATOR, source.width, source.height, *source.bounds
            )
            if _is_on_the_map(source, zoom):
                at = source.transform
                left_px, top_px = (at.c + WORLD_M / 2) / at.a, (WORLD_M / 2 - at.f) / -at.e
                return Placement(zoom_of(at.a), left_px, top_px, (source.height, source.width))
    except rasterio.errors.RasterioError as error:
        raise DataError(f"cannot be read ({error})") from None
    left_m, top_m = to_mercator.c + WORLD_M / 2, WORLD_M / 2 - to_mercator.f
    zoom = zoom_of(to_mercator.a) if zoom is None else zoom
    scale_m = WORLD_M / (MERCATOR_TILE_PX * 2**zoom)
    left, top = math.ceil(left_m / scale_m), math.ceil(top_m / scale_m)
    right = math.floor((left_m + width * to_mercator.a) / scale_m)
    bottom = math.floor((top_m - height * to_mercator.e) / scale_m)
    return Placement(zoom, left, top, (bottom - top, right - left))


def _is_on_the_map(source: DatasetReader, zoom: float | None) -> bool:
    """Return whether a file's own pixels are those of the Web-Mercator map, at a zoom if one is given."""
    at = source.transform
    return (
        source.crs.to_epsg() == WEB_MERCATOR
        and at.is_rectilinear
        and at.a > 0
        and abs(at.e / at.a + 1) <= SQUARE
        and zoom in (None, zoom_of(at.a))
    )


def _require_picture(source: DatasetReader) -> None:
    if source.crs is None:
        raise DataError("does not say where it is")
    kinds = {source.dtypes[band - 1] for band in _bands(source)}
    if any("NBITS" in source.tags(band, ns="IMAGE_STRUCTURE") for band in _bands(source)):
        raise DataError("has fewer than 8 bits a sample; convert it by gdal_translate -scale -co NBITS=8")
    if kinds != {"uint8"}:
        raise DataError(
            f"has samples of the kind {kinds.pop()}; convert it by gdal_translate -ot Byte -scale"
        )


def read_window(path: Path, frame: MercatorFrame, corner: tuple[int, int], size: Size) -> ImageArray:
    """Return `size` pixels of a GeoTIFF from a corner (x, y) in the frame; Missing where there is no imagery.

    Every call opens the file for itself, so that threads do not share it.
    """
    import rasterio
    from rasterio.windows import Window

    try:
        with rasterio.open(path, driver=DRIVER) as source:
            bands, colours = _bands(source), _colours(source)
            white_is_zero = source.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
            if _is_on_the_map(source, frame.zoom):
                window = Window(*corner, size[1], size[0])
                pixels, mask = source.read(bands, window=window), source.dataset_mask(window=window)
            else:
                with _turned(source, frame, corner, size) as view:
                    pixels, mask = view.read(bands), view.dataset_mask()
    except rasterio.errors.RasterioError as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    if colours is not None:
        pixels = colours[pixels[0]].transpose(2, 0, 1)
    if white_is_zero:
        pixels = LEVELS - 1 - pixels
    empty = float((mask == 0).mean())
    if empty > MOST_EMPTY:
        raise Missing(f"{path} has no imagery on {empty:.0%} of a tile")
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _bands(source: DatasetReader) -> list[int]:
    """Return the bands of red, green and blue: as they are named, else the first three, or the only one."""
    from rasterio.enums import ColorInterp

    meanings = list(source.colorinterp)
    named = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(meaning in meanings for meaning in named):
        return [meanings.index(meaning) + 1 for meaning in named]
    return list(range(1, COLOURS + 1)) if source.count >= COLOURS else [1] * COLOURS


def _colours(source: DatasetReader) -> NDArray[np.uint8] | None:
    """Return the colour (256, 3) of each value of a band, where values are not the colours themselves."""
    from rasterio.enums import ColorInterp

    if source.colorinterp[0] == ColorInterp.palette:
        table = np.zeros((LEVELS, COLOURS), np.uint8)
        for value, colour in source.colormap(1).items():
            if value < LEVELS:
                table[value] = colour[:COLOURS]
        return table
    return None


def _turned(source: DatasetReader, frame: MercatorFrame, corner: tuple[int, int], size: Size) -> WarpedVRT:
    from rasterio.enums import Resampling
    from rasterio.transform import Affine
    from rasterio.vrt import WarpedVRT

    scale_m = WORLD_M / (MERCATOR_TILE_PX * 2**frame.zoom)
    left_m = (frame.left + corner[0]) * scale_m - WORLD_M / 2
    top_m = WORLD_M / 2 - (frame.top + corner[1]) * scale_m
    return WarpedVRT(
        source,
        crs=f"EPSG:{WEB_MERCATOR}",
        transform=Affine(scale_m, 0, left_m, 0, -scale_m, top_m),
        height=size[0],
        width=size[1],
        # Between two numbers of colours lies no colour.
        resampling=Resampling.bilinear if _colours(source) is None else Resampling.nearest,
        add_alpha=not _knows_its_edges(source),
    )


def _knows_its_edges(source: DatasetReader) -> bool:
    from rasterio.enums import ColorInterp

    return source.nodata is not None or ColorInterp.alpha in source.colorinterp
