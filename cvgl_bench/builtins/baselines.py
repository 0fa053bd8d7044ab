"""The two baselines that every table starts from: `chance` and `frozen`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data.config import resolve_data_config
from torch import Tensor, nn

from cvgl_bench.foundation.options import option
from cvgl_bench.method import Method, View
from cvgl_bench.networks.weights import create_backbone, pretrained_configuration
from cvgl_bench.views.images import Size, normalise, resize


@dataclass(frozen=True)
class ChanceOptions:
    """Settings of `chance`."""

    dimension: int = option(64, "Length of the random vectors.", least=2)


class Chance(Method):
    """Random unit vectors: the floor of every table, and a test of the metrics."""

    name = "chance"
    title = "Chance"
    Options = ChanceOptions
    needs_images = False

    def build(self) -> nn.Module:
        """Return a network without weights that holds the random numbers' state."""
        return _RandomVectors(self.options.dimension)

    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Return fresh random directions (B, dimension), whatever the images are."""
        return network(len(images))


class _RandomVectors(nn.Module):
    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension
        self.generator = torch.Generator().manual_seed(torch.initial_seed())

    def forward(self, count: int) -> Tensor:
        return torch.randn(count, self.dimension, generator=self.generator)


@dataclass(frozen=True)
class FrozenOptions:
    """Settings of `frozen`."""

    backbone: str = option("convnext_base.fb_in22k_ft_in1k_384", "Any timm model name.")
    weights: str = option("timm", "none (random), timm (its model hub), package:NAME, or a file.")
    tile_size: tuple[int, int] | None = option(None, "Height and width of tiles; none takes timm's own.")
    panorama_size: tuple[int, int] | None = option(
        None, "Height and width of panoramas; none takes timm's height and twice its width."
    )


class Frozen(Method):
    """A timm backbone that nobody trained for this: pooled features, timm's own data configuration."""

    name = "frozen"
    title = "Frozen backbone"
    Options = FrozenOptions

    def build(self) -> nn.Module:
        """Return the backbone without its classifier."""
        return create_backbone(self.options.backbone, self.options.weights)

    def prepare(self, image: NDArray[np.uint8], view: View) -> Tensor:
        """Resize and normalise as timm's configuration of the backbone says."""
        resized = resize(image, self.least_size(view))
        return normalise(resized, self._data_configuration["mean"], self._data_configuration["std"])

    def least_size(self, view: View) -> Size:
        """Return the size at which the network sees a view."""
        height, width = self._data_configuration["input_size"][1:]
        if view == "reference":
            return self.options.tile_size or (height, width)
        return self.options.panorama_size or (height, 2 * width)

    @cached_property
    def _data_configuration(self) -> dict[str, Any]:
        pretrained = pretrained_configuration(self.options.backbone).to_dict()
        return dict(resolve_data_config({}, pretrained_cfg=pretrained))

    def embed(self, network: nn.Module, images: Tensor, view: View) -> Tensor:
        """Return pooled features (B, D)."""
        return network(images)
