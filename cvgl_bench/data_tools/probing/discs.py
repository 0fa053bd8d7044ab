"""The ground around a camera as a disc, slid over tiles: untrained matching, and a search for grain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cvgl_bench.views.birdseye import project
from cvgl_bench.views.images import ImageArray

Floats = NDArray[np.float32]

DETAIL_M = 0.6
"""Standard deviation of the blur that a high-passed picture has lost."""
CLIP_LEVELS = 4.0
"""High-passed grey is cut at this: kerbs and lines weigh no more than grain."""
LEAST_VARIANCE = 1e-3
"""Of a place of a tile, in squared grey levels a pixel; where there is less, nothing correlates."""


@dataclass(frozen=True)
class Matcher:
    """How a disc is made and compared; `fine` keeps grain alone, in grey."""

    name: str
    radius_m: float
    fine: bool

    def picture(self, image: ImageArray, m_per_px: float) -> Floats:
        """Return what is compared of an image, float32 (C, H, W)."""
        if not self.fine:
            return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = grey - cv2.GaussianBlur(grey, (0, 0), DETAIL_M / m_per_px)
        return np.clip(detail, -CLIP_LEVELS, CLIP_LEVELS)[None]

    def side_px(self, m_per_px: float) -> int:
        """Return the disc's diameter in pixels, an odd number."""
        return 2 * round(self.radius_m / m_per_px) + 1

    def disc(self, panorama: ImageArray, m_per_px: float, eye_m: float) -> Floats:
        """Return the ground within `radius_m` of a camera `eye_m` above it, at a tile's resolution."""
        side = self.side_px(m_per_px)
        fov_deg = 2 * np.degrees(np.arctan(side / 2 * m_per_px / eye_m))
        return self.picture(project(panorama, (side, side), fov_deg=float(fov_deg)), m_per_px)


FINGERPRINT = Matcher("high-pass fingerprint, 5 m", 5.0, fine=True)
COLOUR_DISC = Matcher("disc of 9 m, in colour", 9.0, fine=False)


class Slide:
    """Tiles of one size and scale that discs of `side` pixels are slid over."""

    def __init__(self, tiles: Sequence[Floats], side: int) -> None:
        stack = np.stack(tiles)
        self._shape = stack.shape[2:]
        self._side = side
        self._spectra = fft.rfft2(stack)
        axis = np.arange(side) - (side - 1) / 2
        self._inside = (np.hypot(axis[:, None], axis) <= side / 2).astype(np.float32)
        count = self._inside.sum()
        means = self._slid(self._spectra, self._inside[None]) / count
        squares = self._slid(fft.rfft2(stack**2), self._inside[None]) / count
        self._variance = np.maximum((squares - means**2).sum(1), LEAST_VARIANCE)

    def best(self, disc: Floats) -> Floats:
        """Return (N,), the highest normalised correlation (-1 to 1) of the disc within each tile."""
        count = self._inside.sum()
        mean = (disc * self._inside).sum((1, 2), keepdims=True) / count
        centred = (disc - mean) * self._inside
        spread = max(float((centred**2).sum() / count), LEAST_VARIANCE)
        products = self._slid(self._spectra, centred, summed=True)[:, 0] / count
        return (products / np.sqrt(self._variance * spread)).max((1, 2))

    def _slid(self, spectra: NDArray[np.complex64], kernel: Floats, *, summed: bool = False) -> Floats:
        """Return (N, C or 1, h, w), the sums of tiles times kernel (C, side, side) at every whole place."""
        product = spectra * np.conj(fft.rfft2(kernel, self._shape))
        if summed:
            product = product.sum(1, keepdims=True)
        height, width = (length - self._side + 1 for length in self._shape)
        return fft.irfft2(product, self._shape)[..., :height, :width]
