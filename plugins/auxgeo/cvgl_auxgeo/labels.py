"""The place of the query in its flipped and turned tile, exact or as the published code has it."""

from __future__ import annotations

from typing import Literal

from cvgl_bench.views.images import Geometry, Size

PositionLabels = Literal["exact", "published"]
"""What is taken for a query's position.

exact: real numbers, flipped and turned about the tile's centre.
published: whole pixels of the tile as the network sees it, turned about a point half a pixel right of and
below the centre, so that labels of turned tiles land a pixel off.
"""

Position = tuple[float, float]


def position_label(
    position_px: Position,
    stored: Size,
    geometry: Geometry,
    *,
    tile: Size,
    labels: PositionLabels,
    shift_px: float,
) -> Position:
    """Return the query's (x, y) as fractions of the flipped and turned tile.

    position_px: in the pixels of the stored tile; stored, tile: (height, width) as stored and as the
    network sees it; shift_px: pixels of the latter by which labels lie right of and below the truth.
    """
    height, width = tile
    x = position_px[0] / stored[1] + shift_px / width
    y = position_px[1] / stored[0] + shift_px / height
    if labels == "exact":
        return geometry.on_position((x, y), (1, 1))
    x, y = _turned_off_centre((round(x * width), round(y * height)), geometry, side_px=width)
    return x / width, y / height


def _turned_off_centre(position: Position, geometry: Geometry, *, side_px: int) -> Position:
    """Return where the published code puts a position in a square tile."""
    x, y = position
    if geometry.flip:
        x = side_px - x
    for _ in range(geometry.quarter_turns):
        x, y = y, side_px + 1 - x
    return x, y
