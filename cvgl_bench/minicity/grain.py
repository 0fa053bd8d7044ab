"""The grain of surfaces: noise that follows from the city, the visit and the place, and never repeats."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.chance import uniform

Array = NDArray[np.float32]

OCTAVES = ((128, 0.35), (16, 0.45), (4, 0.5), (2, 0.55))
"""Size of the features in cells, each a multiple of the next, and their weight."""
PADDING = 6
"""Lattice points beyond the edge: those that the cubic kernel reaches, of this octave and all finer ones."""
GRAIN_SEED = 31


def grain(seed: int, left: int, top: int, width: int, height: int) -> Array:
    """Return the grain (height, width) of a rectangle of cells, of about unit range.

    left, top: cells from the city's centre; the same cell has the same grain in every rectangle.
    """
    noise, corner, coarse = np.zeros((1, 1), np.float32), (0, 0), 0
    for size, weight in OCTAVES:
        x = np.arange(left // size - PADDING, -(-(left + width) // size) + PADDING)
        y = np.arange(top // size - PADDING, -(-(top + height) // size) + PADDING)
        lattice = (uniform(seed, GRAIN_SEED + size, x, y[:, None]) - 0.5) * (weight * np.sqrt(12))
        finer = lattice.astype(np.float32)
        if coarse:
            across, down = (
                int(ends[0]) - first * (coarse // size) for ends, first in zip((x, y), corner, strict=True)
            )
            finer += _enlarged(noise, coarse // size)[down : down + len(y), across : across + len(x)]
        noise, corner, coarse = finer, (int(x[0]), int(y[0])), size
    across, down = left - corner[0] * coarse, top - corner[1] * coarse
    return _enlarged(noise, coarse)[down : down + height, across : across + width]


def _enlarged(noise: Array, times: int) -> Array:
    size = (noise.shape[1] * times, noise.shape[0] * times)
    return np.asarray(cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC), np.float32)
