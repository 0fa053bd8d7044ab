"""The ground around a camera as a disc, slid over tiles: untrained matching, and a search for grain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.views.birdseye import project
from cvgl_bench.views.images import ImageArray

Floats = NDArray[np.float32]

DETAIL_M = 0.6
"""Standard deviation of the blur that a high-passed picture has lost."""
CLIP_LEVELS = 4.0
"""High-passed grey is cut at this: kerbs and lines weigh no more than grain."""


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
