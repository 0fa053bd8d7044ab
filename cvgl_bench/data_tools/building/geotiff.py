"""Where a GeoTIFF in Web-Mercator lies, by its own tags (OGC GeoTIFF 1.1): no library is needed for that.

Other projections, and files too large to be decoded whole, are read by `rasters`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX, WGS84_SEMI_MAJOR_M
from cvgl_bench.views.image_files import ImageFault, open_image
from cvgl_bench.views.images import Size

SUFFIXES = (".tif", ".tiff")
PIXEL_SCALE, TIE_POINT, GEO_KEYS = 33550, 33922, 34735
RASTER_TYPE, PROJECTED_CRS = 1025, 3072
PIXEL_IS_POINT = 2
WEB_MERCATOR = 3857
WORLD_M = 2 * math.pi * WGS84_SEMI_MAJOR_M
"""Side of the Web-Mercator map, in its own metres."""
KEY_FIELDS = 4
SQUARE = 1e-6
"""Largest relative difference between a pixel's width and height."""
ZOOM_DECIMALS = 9


class Placement(NamedTuple):
    """The zoom of a Web-Mercator image, the world pixel of its top-left corner, and its height and width."""

    zoom: float
    left_px: float
    top_px: float
    size_px: Size


def read_placement(path: Path) -> Placement:
    """Return where a GeoTIFF lies; DataError where it does not say, or is not in Web-Mercator."""
    try:
        with open_image(path) as image:
            tags, size = image.getexif(), (image.height, image.width)
            scale, tie, keys = (tuple(tags.get(tag, ())) for tag in (PIXEL_SCALE, TIE_POINT, GEO_KEYS))
    except ImageFault as error:
        raise DataError(error.fault) from None
    if len(scale) < 2 or len(tie) < 6 or len(keys) < KEY_FIELDS:
        raise DataError("has no GeoTIFF tags that say where it is, or is rotated")
    found = {keys[at]: keys[at + 3] for at in range(KEY_FIELDS, len(keys) - 3, KEY_FIELDS)}
    if found.get(PROJECTED_CRS) != WEB_MERCATOR:
        raise DataError(
            "is not in Web-Mercator; run pip install 'cvgl-bench[geotiff]', or convert it by "
            f"gdalwarp -t_srs EPSG:{WEB_MERCATOR}"
        )
    if not scale[0] > 0 or abs(scale[1] / scale[0] - 1) > SQUARE:
        raise DataError("has pixels that are not square")
    half = 0.5 if found.get(RASTER_TYPE) == PIXEL_IS_POINT else 0.0
    left_px = (tie[3] + WORLD_M / 2) / scale[0] - tie[0] - half
    top_px = (WORLD_M / 2 - tie[4]) / scale[1] - tie[1] - half
    return Placement(zoom_of(scale[0]), left_px, top_px, size)


def zoom_of(m_per_px: float) -> float:
    """Return the zoom at which a pixel is so many metres of the Web-Mercator map."""
    return round(math.log2(WORLD_M / m_per_px / MERCATOR_TILE_PX), ZOOM_DECIMALS)
