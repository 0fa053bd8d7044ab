"""A network of our own to compare with: ConvNeXt as its paper has it, with the names of its weights."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional

SIZES = {
    "convnext_atto": ((2, 2, 6, 2), (40, 80, 160, 320)),
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
}
"""Depths and widths by timm's names; in timm's small ones convolutions replace the linear layers."""


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The networks of these tests are too small to share among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (B, C, H, W)."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        branch = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        branch = self.gamma * self.pwconv2(functional.gelu(self.pwconv1(branch)))
        return x + branch.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, depths, widths):
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0], eps=1e-6))
        others = [
            nn.Sequential(ChannelNorm(narrow, eps=1e-6), nn.Conv2d(narrow, wide, 2, stride=2))
            for narrow, wide in zip(widths, widths[1:], strict=False)
        ]
        self.downsample_layers = nn.ModuleList([stem, *others])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], eps=1e-6)
        self.head = nn.Linear(widths[-1], 1000)

    def forward(self, x):
        """Return the global feature (B, C) and the parts (B, C, h, w)."""
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))
        return self.norm(x.mean((2, 3))), x


def draw_convnext(name):
    """Return a network whose every weight is random and matters: layer scale is near 1, not 1e-6."""
    generator = torch.Generator().manual_seed(0)
    network = ConvNeXt(*SIZES[name]).eval()
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if key.endswith(("gamma", "norm.weight")):
                parameter.copy_(1 + 0.2 * torch.randn(parameter.shape, generator=generator))
            else:
                fan_in = max(parameter[0].numel(), 16)
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)
    return network


@pytest.fixture(scope="session")
def independent():
    """Networks by timm's name, each drawn once."""
    return cache(draw_convnext)
