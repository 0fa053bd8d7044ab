"""Where a GeoTIFF lies, by its own tags (OGC GeoTIFF 1.1); Web-Mercator only, so no library is needed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from cvgl_bench.errors import DataError
from cvgl_bench.geo import MERCATOR_TILE_PX, WGS84_SEMI_MAJOR_M

SUFFIXES = (".tif", ".tiff")
PIXEL_SCALE, TIE_POINT, GEO_KEYS = 33550, 33922, 34735
RASTER_TYPE, PROJECTED_CRS = 1025, 3072
PIXEL_IS_POINT = 2
WEB_MERCATOR = 3857
KEY_FIELDS = 4
SQUARE = 1e-6
"""Largest relative difference between a pixel's width and height."""
ZOOM_DECIMALS = 9


class Placement(NamedTuple):
    """The zoom of a Web-Mercator image, and the world pixel of its top-left corner."""

    zoom: float
    left_px: float
    top_px: float


def read_placement(path: Path) -> Placement:
    """Return where a GeoTIFF lies; DataError where it does not say, or is not in Web-Mercator."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            tags = image.getexif()
            scale, tie, keys = (tuple(tags.get(tag, ())) for tag in (PIXEL_SCALE, TIE_POINT, GEO_KEYS))
    except (UnidentifiedImageError, OSError, SyntaxError, TypeError) as error:
        raise DataError(f"cannot be read ({error})") from None
    if len(scale) < 2 or len(tie) < 6 or len(keys) < KEY_FIELDS:
        raise DataError("has no GeoTIFF tags that say where it is, or is rotated")
    found = {keys[at]: keys[at + 3] for at in range(KEY_FIELDS, len(keys) - 3, KEY_FIELDS)}
    if found.get(PROJECTED_CRS) != WEB_MERCATOR:
        raise DataError(f"is not in Web-Mercator; convert it by gdalwarp -t_srs EPSG:{WEB_MERCATOR}")
    if not scale[0] > 0 or abs(scale[1] / scale[0] - 1) > SQUARE:
        raise DataError("has pixels that are not square")
    half = 0.5 if found.get(RASTER_TYPE) == PIXEL_IS_POINT else 0.0
    world_m = 2 * math.pi * WGS84_SEMI_MAJOR_M
    left_px = (tie[3] + world_m / 2) / scale[0] - tie[0] - half
    top_px = (world_m / 2 - tie[4]) / scale[1] - tie[1] - half
    return Placement(round(math.log2(world_m / scale[0] / MERCATOR_TILE_PX), ZOOM_DECIMALS), left_px, top_px)
