"""Turning a panorama so that its centre column looks north."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from cvgl_bench.views.images import ImageArray, Size

FILTER_REACH = 2
"""Pixels of the result that a bicubic filter reaches to either side."""


def north_aligned(panorama: ImageArray, heading_deg: float, size: Size) -> ImageArray:
    """Return a full-circle panorama rolled to north and resized to (height, width), in one resampling.

    heading_deg: compass direction of the panorama's centre column, clockwise from north. Columns run
    west, north, east, south. The roll is exact to a fraction of a column; the filter averages where the
    panorama shrinks, and wraps around at the seam.
    """
    height, width = panorama.shape[:2]
    # Column x of the result looks where column x - heading / 360 * width of the original does.
    whole, part = divmod(-heading_deg / 360 * width, 1)
    margin = FILTER_REACH * math.ceil(max(1.0, width / size[1])) + 1
    columns = (np.arange(-margin, width + margin) + int(whole)) % width
    box = (margin + part, 0, margin + part + width, height)
    resized = Image.fromarray(panorama[:, columns]).resize(
        (size[1], size[0]), Image.Resampling.BICUBIC, box=box
    )
    return np.asarray(resized)
