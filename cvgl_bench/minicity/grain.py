"""The grain of surfaces: noise that follows from the city, the visit and the place, and never repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvgl_bench.minicity.chance import uniform

OCTAVES = ((128, 0.35), (16, 0.45), (4, 0.5), (2, 0.55))
"""Size of the features in cells, and their weight."""
PADDING = 2
"""Lattice points beyond the edge that the cubic kernel reaches."""
GRAIN_SEED = 31


def grain(seed: int, left: int, top: int, width: int, height: int) -> NDArray[np.float32]:
    """Return the grain (height, width) of a rectangle of cells, of about unit range.

    left, top: cells from the city's centre; the same cell has the same grain in every rectangle.
    """
    total = np.zeros((height, width), np.float32)
    for size, weight in OCTAVES:
        x = np.arange(left // size - PADDING, -(-(left + width) // size) + PADDING)
        y = np.arange(top // size - PADDING, -(-(top + height) // size) + PADDING)
        lattice = ((uniform(seed, GRAIN_SEED + size, x, y[:, None]) - 0.5) * np.sqrt(12)).astype(np.float32)
        large = Image.fromarray(lattice).resize((len(x) * size, len(y) * size), Image.Resampling.BICUBIC)
        across, down = left - int(x[0]) * size, top - int(y[0]) * size
        total += np.float32(weight) * np.asarray(large)[down : down + height, across : across + width]
    return total
