"""Cutting an image of any size at any sub-pixel centre out of a Web-Mercator tile pyramid."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cvgl_bench.data_tools.fetch.xyz import Tile, TileStore
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX
from cvgl_bench.views.images import ImageArray, Size

SNAP_PX = 1e-4
"""A crop this close to whole pixels is taken as whole: coordinates are no finer."""


def crop(store: TileStore, centre_px: tuple[float, float], *, size: Size, zoom: int) -> ImageArray:
    """Return `size` (height, width) pixels around a Web-Mercator world pixel (x, y) at `zoom`.

    Where the crop lies between the source's pixels, each output pixel is the bilinear mean of its four
    neighbours; where it does not, pixels are copied. East and west wrap around. Raises DataError where
    a tile is missing or the crop leaves the map in the north or south.
    """
    left, top, right_part, below_part = _window(centre_px, size)
    height, width = size[0] + (below_part > 0), size[1] + (right_part > 0)
    pixels = _paste(store, left, top, (height, width), zoom)
    if right_part == 0 and below_part == 0:
        return pixels
    # In float32 a few pixels of every image would round to the other side.
    mixed = pixels.astype(np.float64)
    if below_part:
        mixed = mixed[:-1] * (1 - below_part) + mixed[1:] * below_part
    if right_part:
        mixed = mixed[:, :-1] * (1 - right_part) + mixed[:, 1:] * right_part
    return np.floor(mixed + 0.5).astype(np.uint8)


def tiles_under(
    centre_px: tuple[float, float], size: Size, zoom: int, *, tile_px: int = MERCATOR_TILE_PX
) -> Iterator[tuple[Tile, int, int]]:
    """Yield each tile that a crop needs, and the x and y of its corner in world pixels."""
    left, top, right_part, below_part = _window(centre_px, size)
    service_zoom = zoom - int(math.log2(tile_px // MERCATOR_TILE_PX))
    across = 2**service_zoom
    rows = range(top // tile_px, (top + size[0] - 1 + (below_part > 0)) // tile_px + 1)
    columns = range(left // tile_px, (left + size[1] - 1 + (right_part > 0)) // tile_px + 1)
    if rows[0] < 0 or rows[-1] >= across:
        raise DataError("the image reaches over the northern or southern edge of the map")
    for row in rows:
        for column in columns:
            yield Tile(service_zoom, column % across, row), column * tile_px, row * tile_px


def _window(centre_px: tuple[float, float], size: Size) -> tuple[int, int, float, float]:
    """Return the top-left whole pixel of a crop, and how far it lies beyond it in x and y."""
    left, right_part = _split(centre_px[0] - size[1] / 2)
    top, below_part = _split(centre_px[1] - size[0] / 2)
    return left, top, right_part, below_part


def _split(value: float) -> tuple[int, float]:
    whole = math.floor(value + SNAP_PX)
    part = value - whole
    return whole, part if part > SNAP_PX else 0.0


def _paste(store: TileStore, left: int, top: int, size: Size, zoom: int) -> ImageArray:
    """Return a rectangle of whole world pixels."""
    pixels = np.empty((*size, 3), np.uint8)
    centre_px = (left + size[1] / 2, top + size[0] / 2)
    for tile, tile_x, tile_y in tiles_under(centre_px, size, zoom, tile_px=store.tile_px):
        image = store.tile(tile)
        x0, x1 = max(left, tile_x), min(left + size[1], tile_x + store.tile_px)
        y0, y1 = max(top, tile_y), min(top + size[0], tile_y + store.tile_px)
        pixels[y0 - top : y1 - top, x0 - left : x1 - left] = image[
            y0 - tile_y : y1 - tile_y, x0 - tile_x : x1 - tile_x
        ]
    return pixels
