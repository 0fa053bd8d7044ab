"""Matching by geometry alone: the ground around the camera, seen from above, slid over the tiles.

Untrained: a panorama's bird's-eye disc (`views.birdseye`: flat ground, north up) is correlated with a tile
at every place, and the best place is the score. Both are first freed of what differs between two visits:
slow changes of light are taken off, and contrast is made alike everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.options import option
from cvgl_bench.method import PairMethod, View
from cvgl_bench.views.birdseye import FULL_TURN_SLACK_PX, project
from cvgl_bench.views.discs import Slide
from cvgl_bench.views.images import Size, resize

DISC_PX = 97
"""Side of a prepared bird's-eye view: 0.25 m a pixel over 24 m."""

LEAST_CONTRAST = 10.0
"""Grey levels of contrast below which a surface counts as even: grain is not made as strong as kerbs."""

LEAST_INSIDE = 0.25
"""Share of the disc that lies in the tile of a camera in its corner."""

LEAST_SIDE_PX = 7
"""Of the disc in a tile; a smaller one shows nothing."""

STEPS = 1e-5
"""Correlations are rounded to this: what is closer is left open by arithmetic and counts as a tie."""


@dataclass(frozen=True)
class BevMatchOptions:
    """Settings of `bevmatch`."""

    radius_m: float = option(12.0, "Radius of the disc around the camera.", least=1, most=100)
    eye_m: float = option(2.5, "Height of the camera above the ground.", least=0.5, most=20)
    detail_m: float = option(
        1.5,
        "Standard deviation of the blur that is taken off, and over which contrast is equalised.",
        least=0.2,
    )
    size: int = option(96, "Height and width to which tiles are brought.", least=32, most=1024)


class BevMatch(PairMethod):
    """Correlates what a camera saw of the ground with every place of a tile; scores lie in [-1, 1]."""

    name = "bevmatch"
    title = "Bird's-eye disc, untrained"
    Options = BevMatchOptions
    options: BevMatchOptions

    def build(self) -> nn.Module:
        """Return a network without weights: there is nothing to learn."""
        return nn.Identity()

    def prepare(self, image: NDArray[np.uint8], view: View) -> Tensor:
        """Return a tile, or the ground from above and around it as much as equalising contrast looks at.

        Raises DataError for a panorama that is cut above or below, and a tile that is not square.
        """
        height, width = image.shape[:2]
        if view == "reference":
            if height != width:
                raise DataError(f"'{self.name}' needs square tiles; this one has {width} x {height} pixels.")
            return _channels_first(resize(image, self.least_size(view), antialias=True))
        if height < width / 2 - FULL_TURN_SLACK_PX:
            raise DataError(
                f"'{self.name}' needs the ground at the camera's feet, and this panorama, {width} x {height} "
                "pixels, is cut above and below. Take a data set of whole ones."
            )
        fov_deg = 2 * np.degrees(np.arctan(self.options.radius_m / self.options.eye_m))
        return _channels_first(project(image, (DISC_PX, DISC_PX), fov_deg=float(fov_deg)))

    def least_size(self, view: View) -> Size:
        """Return the size of tiles; a panorama has a column for each pixel along the disc's rim."""
        size = self.options.size
        return (size, size) if view == "reference" else (2 * DISC_PX, 4 * DISC_PX)

    def rerank(self, network: nn.Module, queries: Tensor, references: Tensor, width_m: Tensor) -> Tensor:
        """Return (Q, K), the highest correlation of each query's disc over all places of each tile."""
        m_per_px = width_m / references.shape[-1]
        if not torch.isfinite(m_per_px).all():
            raise DataError(
                f"'{self.name}' needs the metres that a pixel of a tile is, and this data set does not say."
            )
        # An odd number of pixels, so that the disc has a middle one: off by half a pixel at its rim at most.
        sides = 2 * torch.round(self.options.radius_m / m_per_px - 0.5).long() + 1
        scores = queries.new_empty((len(queries), len(references)), dtype=torch.float32)
        for side in sides.unique().tolist():
            if side < LEAST_SIDE_PX:
                raise DataError(f"'{self.name}' sees {side} pixels of a tile; set a larger size.")
            alike = sides == side
            blur_px = self.options.detail_m / float(m_per_px[alike].mean())
            tiles = _equalised(references[alike].float(), blur_px)
            discs = interpolate(queries.float(), (side, side), mode="bilinear", antialias=True)
            slide = Slide(tiles, side, least_inside=LEAST_INSIDE)
            scores[:, alike] = slide.best(_equalised(discs, blur_px))
        return torch.round(scores / STEPS) * STEPS


def _equalised(images: Tensor, blur_px: float) -> Tensor:
    """Return images (N, C, H, W) without what is slower than a blur, and of one contrast within it."""
    detail = images - _blurred(images, blur_px)
    contrast = _blurred((detail**2).sum(1, keepdim=True), blur_px) + LEAST_CONTRAST**2
    return detail * contrast.rsqrt()


def _blurred(images: Tensor, blur_px: float) -> Tensor:
    """Return images (N, C, H, W) under a Gaussian whose weights outside the image count for nothing."""
    for axis in (2, 3):
        place = torch.arange(images.shape[axis], device=images.device) / blur_px
        weights = torch.exp(-((place[:, None] - place) ** 2) / 2)
        weights /= weights.sum(1, keepdim=True)
        images = torch.tensordot(images, weights, dims=([axis], [1])).movedim(-1, axis)
    return images


def _channels_first(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
