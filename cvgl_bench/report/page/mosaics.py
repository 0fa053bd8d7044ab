"""Mosaics of reference tiles: many tiles as one small picture, each in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.loading import SplitImages
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.report.page.pictures import Picture, PictureStock
from cvgl_bench.views.images import ImageArray, resize

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Split

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOSAIC_PX = 640
"""Pixels of a mosaic along its longer side."""

LEAST_TILE_PX = 2.0
"""A mosaic whose tiles would be smaller shows nothing, and is left out."""

MOST_TILES = 2000
"""Tiles that are read for all mosaics together; of more, every city shows some that lie evenly."""

FAULTS_AT_ONCE = 20
"""After so many tiles without one that can be read, no other is tried: the images are not there."""

GREY = 128


def spread_out(tiles: Rows, at: Floats, most: int) -> Rows:
    """Return the tiles, or of more than `most` the first one of each cell of a grid over them.

    at: (n, 2) their centres, as shares of a map's longer side.
    """
    if len(tiles) <= most:
        return tiles
    side = int(most**0.5)
    cells = np.clip(at * side, 0, side - 1).astype(np.int64)
    _, first = np.unique(cells @ [1, side], return_index=True)
    return tiles[np.sort(first)]


def mosaic(
    split: Split, city: str, boxes: dict[int, Floats], pictures: PictureStock, *, size: Floats, reach: float
) -> Picture | None:
    """Return a city's mosaic, None where its tiles would be too small or cannot be read.

    boxes: by row of the reference its centre and half its sides (x, y, half width, half height); size: width
    and height; reach: how far around a tile it stands for those that are not drawn. All as shares of the
    map's longer side.
    """
    width, height = (round(float(side) * MOSAIC_PX) for side in size)
    rows, places = np.array(list(boxes)), np.stack(list(boxes.values())) * MOSAIC_PX
    if min(width, height) < 1 or 2 * places[:, 2:].min() < LEAST_TILE_PX:
        return None
    read = partial(_mosaic, split, rows, places, (height, width), reach_px=reach * MOSAIC_PX)
    return pictures.add(("mosaic", city), read, most=(MOSAIC_PX, MOSAIC_PX))


def _mosaic(
    split: Split, drawn: Rows, boxes: Floats, size: tuple[int, int], *, reach_px: float
) -> ImageArray:
    """Return the tiles `drawn` in their places, (x, y, half width, half height) in `boxes`, in pixels.

    reach_px: how far around them they stand for tiles that are not drawn.

    Raises DataError for the first tile where none can be read; those that cannot stay grey else.
    """
    canvas = np.full((*size, 3), GREY, np.uint8)
    bare = np.ones(size, bool)
    high, wide = (int(np.ceil(2 * boxes[:, axis].max())) + 1 for axis in (3, 2))
    images = SplitImages(split, reference_least=(high, wide))
    faults: list[DataError] = []
    for image, (x, y, half_x, half_y) in _readable(images.reference, drawn, boxes):
        if isinstance(image, DataError):
            faults.append(image)
            if len(faults) == FAULTS_AT_ONCE and bare.all():
                break
            continue
        columns = slice(*np.clip(np.round([x - half_x, x + half_x]).astype(int), 0, size[1]))
        rows = slice(*np.clip(np.round([y - half_y, y + half_y]).astype(int), 0, size[0]))
        place = rows.stop - rows.start, columns.stop - columns.start
        if min(place) > 0:
            canvas[rows, columns] = resize(image, place, antialias=True)
            bare[rows, columns] = False
    if faults and bare.all():
        raise faults[0]
    return _filled(canvas, bare, reach_px) if reach_px else canvas


def _filled(canvas: ImageArray, bare: NDArray[np.bool_], reach_px: float) -> ImageArray:
    """Return a mosaic whose bare pixels are those of the nearest tile, where one lies within reach."""
    from scipy.ndimage import distance_transform_edt

    away, (rows, columns) = distance_transform_edt(bare, return_indices=True)
    return np.where((away <= reach_px)[..., None], canvas[rows, columns], canvas)


def _readable(
    read: Callable[[int], ImageArray], drawn: Rows, boxes: Floats
) -> Iterator[tuple[ImageArray | DataError, Floats]]:
    """Yield each tile's image, or the error that reading it raised, and its box."""
    for row, box in zip(drawn, boxes, strict=True):
        try:
            yield read(int(row)), box
        except DataError as error:
            yield error, box
