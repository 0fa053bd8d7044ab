"""Features of one image that say little of a place: its file's size, its colours, its coarse layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.views.images import ImageArray, resize

Feature = Callable[[ImageArray, int], NDArray[np.float64]]
"""From an image and the bytes of its file to a vector."""

HISTOGRAM_BINS = 4
"""A channel, hence 64 colours."""
COARSE_PX, SKY_PX = (4, 8), (3, 8)
SKY_SHARE = 0.4
"""Of a panorama's height, from the top."""


def file_size(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return (1,), the logarithm of the file's bytes."""
    return np.array([np.log(max(size_bytes, 1))])


def mean_colour(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return (3,)."""
    return image.mean((0, 1), dtype=np.float64)


def sky(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return the top of a panorama on a coarse grid."""
    top = image[: max(1, round(len(image) * SKY_SHARE))]
    return resize(top, SKY_PX, antialias=True).astype(np.float64).ravel()


def low_frequencies(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return the whole image on a coarse grid."""
    return resize(image, COARSE_PX, antialias=True).astype(np.float64).ravel()


def colours(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return (64,), the square roots of the shares of colours."""
    bins = (image.astype(np.int64) * HISTOGRAM_BINS) // 256
    codes = (bins[..., 0] * HISTOGRAM_BINS + bins[..., 1]) * HISTOGRAM_BINS + bins[..., 2]
    return np.sqrt(np.bincount(codes.ravel(), minlength=HISTOGRAM_BINS**3) / codes.size)


def ground_colours(image: ImageArray, size_bytes: int) -> NDArray[np.float64]:
    """Return (64,), the colours of a panorama's lower half."""
    return colours(image[len(image) // 2 :], size_bytes)


@dataclass(frozen=True)
class Pairing:
    """What is compared of queries and references; `fitted`: through a map learnt on training pairs."""

    name: str
    query: Feature
    reference: Feature
    fitted: bool


PAIRINGS = (
    Pairing("file size", file_size, file_size, fitted=False),
    Pairing("mean colour", mean_colour, mean_colour, fitted=False),
    Pairing("colours of the ground", ground_colours, colours, fitted=False),
    Pairing("sky, fitted", sky, low_frequencies, fitted=True),
    Pairing("low frequencies, fitted", low_frequencies, low_frequencies, fitted=True),
    Pairing("colours, fitted", colours, colours, fitted=True),
)
