"""What a person may set about Sample4Geo; the defaults are the published settings for VIGOR."""

from __future__ import annotations

from dataclasses import dataclass

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import option
from cvgl_bench.networks.weights import COMMON_STRIDE, OUTPUT_STRIDE_HELP, WEIGHTS_HELP, OutputStride

PUBLISHED_BACKBONE = "convnext_base.fb_in22k_ft_in1k_384"
INITIAL_TEMPERATURE = 0.07
"""Before training; the learnable parameter is the logarithm of its inverse."""


@dataclass(frozen=True)
class Sample4GeoOptions:
    """Settings of Sample4Geo."""

    backbone: str = option(PUBLISHED_BACKBONE, "Any timm model name; one network embeds both views.")
    weights: str = option("timm", f"Initial weights: {WEIGHTS_HELP}")
    output_stride: OutputStride = option(COMMON_STRIDE, OUTPUT_STRIDE_HELP)
    tile_size: tuple[int, int] = option((384, 384), "Height and width of tiles, which are square.", least=16)
    panorama_size: tuple[int, int] = option((384, 768), "Height and width of panoramas.", least=16)
    antialias: bool = option(False, "Average the pixels that resizing would skip; published code does not.")
    label_smoothing: float = option(0.1, "Of the contrastive loss.", least=0, most=0.99)
    temperature: float = option(INITIAL_TEMPERATURE, "Initial temperature of the loss.", least=0.001, most=10)
    flip_probability: float = option(0.5, "Chance of mirroring a pair.", least=0, most=1)
    turn_probability: float = option(0.75, "Chance of turning a pair by 90, 180 or 270 deg.", least=0, most=1)
    jpeg_probability: float = option(0.5, "Chance of JPEG compression, quality 90-100.", least=0, most=1)
    colour_probability: float = option(0.5, "Chance of changed colours, per image.", least=0, most=1)
    colour_strength: float = option(
        0.15, "Largest relative change of brightness, contrast, saturation and hue.", least=0, most=0.5
    )
    blur_probability: float = option(0.3, "Chance of blurring or sharpening, per image.", least=0, most=1)
    sharpen_darkens: bool = option(False, "Darken where sharpening, at random, as published code does.")
    dropout_probability: float = option(0.3, "Chance of blackened patches, per image.", least=0, most=1)

    def __post_init__(self) -> None:
        height, width = self.tile_size
        if height != width:
            raise OptionError(
                f"method.tile_size is {height} x {width}, but tiles must be square to be turned by 90 deg."
            )
