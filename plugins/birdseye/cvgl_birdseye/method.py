"""The panorama is unrolled to what a camera above it would see, and looked up among the tiles.

Both images then show the ground from above with north up, so one small network can embed them both:
whatever street corner turns up in one of them looks much the same in the other. The projection is that
of HC-Net and AuxGeo, which keep the panorama beside it; here it is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

import numpy as np
import torch
from torch import Tensor, nn

from cvgl_bench import Context, Pair, TrainableMethod, option
from cvgl_bench.method import View
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.networks.shared_backbone import SharedBackbone, shared_backbone
from cvgl_bench.networks.weights import (
    COMMON_STRIDE,
    OUTPUT_STRIDE_HELP,
    WEIGHTS_HELP,
    OutputStride,
    pixel_statistics,
)
from cvgl_bench.views.birdseye import FOV_DEG, project
from cvgl_bench.views.images import Geometry, ImageArray, Size, normalise, resize


@dataclass(frozen=True)
class BirdsEyeOptions:
    """Settings of the bird's-eye view method."""

    backbone: str = option("resnet18", "Any timm model name; one network embeds both views.")
    weights: str = option("timm", f"Initial weights: {WEIGHTS_HELP}")
    output_stride: OutputStride = option(COMMON_STRIDE, OUTPUT_STRIDE_HELP)
    size: int = option(224, "Height and width of tiles and of bird's-eye views.", least=16)
    fov_deg: float = option(
        FOV_DEG,
        "Field of view of the camera that looks down: 160 shows 14 m around a camera 2.5 m high, 170 28 m.",
        least=1,
        most=179,
    )
    label_smoothing: float = option(0.1, "Of the contrastive loss.", least=0, most=0.99)
    temperature: float = option(0.07, "Initial temperature of the loss.", least=0.001, most=10)
    flip_probability: float = option(0.5, "Chance of mirroring a pair.", least=0, most=1)
    turn_probability: float = option(0.75, "Chance of turning a pair by 90, 180 or 270 deg.", least=0, most=1)


class BirdsEye(TrainableMethod):
    """One network for tiles and for panoramas seen from above."""

    name = "birdseye"
    title = "Bird's-eye view as query"
    Options = BirdsEyeOptions
    recipes = files("cvgl_birdseye") / "recipes"
    options: BirdsEyeOptions

    def build(self) -> SharedBackbone:
        """Return the backbone with its temperature."""
        options = self.options
        return shared_backbone(
            options.backbone,
            options.weights,
            output_stride=options.output_stride,
            temperature=options.temperature,
        )

    def prepare(self, image: ImageArray, view: View) -> Tensor:
        """See a query from above, resize a tile, and normalise as the backbone expects."""
        return self._normalised(self._from_above(image, view))

    def least_size(self, view: View) -> Size:
        """Return the tile's side; what is seen from above it fills a panorama of twice that width."""
        side = self.options.size
        return (side, 2 * side) if view == "query" else (side, side)

    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Return pooled features (B, D); both views go through the same weights."""
        return network(images)

    def prepare_pair(self, pair: Pair, generator: np.random.Generator) -> dict[str, Tensor]:
        """Return `query` and `reference`, both from above, mirrored and turned together."""
        options = self.options
        geometry = Geometry.draw(
            generator, flip_probability=options.flip_probability, turn_probability=options.turn_probability
        )
        views: tuple[tuple[View, ImageArray], ...] = (("query", pair.query), ("reference", pair.reference))
        return {
            view: self._normalised(geometry.on_overhead(self._from_above(image, view)))
            for view, image in views
        }

    def represent(self, network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the features of both views, from one pass: layers that normalise see them mixed."""
        query, reference = network(torch.cat([batch["query"], batch["reference"]])).chunk(2)
        return {"query": query, "reference": reference}

    def criterion(  # type: ignore[override]  # Its network is what `build` returned.
        self, network: SharedBackbone, outputs: dict[str, Tensor], context: Context
    ) -> dict[str, Tensor]:
        """Return the contrastive loss of the batch as `info_nce`."""
        smoothing = self.options.label_smoothing
        loss = symmetric_info_nce(
            outputs["query"], outputs["reference"], network.logit_scale, label_smoothing=smoothing
        )
        return {"info_nce": loss}

    def _from_above(self, image: ImageArray, view: View) -> ImageArray:
        size = (self.options.size, self.options.size)
        if view == "query":
            return project(image, size, fov_deg=self.options.fov_deg)
        return resize(image, size, antialias=True)

    def _normalised(self, image: ImageArray) -> Tensor:
        return normalise(image, *self._pixel_statistics)

    @cached_property
    def _pixel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return pixel_statistics(self.options.backbone)
