"""The network of methods that embed both views by one backbone and learn the temperature of their loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cvgl_bench.networks.weights import Backbone, OutputStride, create_backbone


class SharedBackbone(nn.Module):
    """One backbone for both views and the logarithm of the similarity scale.

    Its state dict is that of Sample4Geo's published weights: `model.<timm's own names>` and `logit_scale`.
    """

    def __init__(self, model: Backbone, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / temperature)))

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, D) of images (B, 3, H, W) of either view."""
        return self.model(images)


def shared_backbone(
    name: str, weights: str, *, output_stride: OutputStride, temperature: float
) -> SharedBackbone:
    """Return the network of a timm backbone; arguments and errors are those of `create_backbone`.

    temperature: the initial one of the loss. Convolutions lie channels last, up to a third faster so on CPUs
    and on tensor cores.
    """
    backbone = create_backbone(name, weights, output_stride=output_stride)
    return SharedBackbone(backbone.to(memory_format=torch.channels_last), temperature)
