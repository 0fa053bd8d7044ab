"""Reading, resizing and normalising images, and the flips and turns that keep two views aligned.

Images are uint8 (H, W, 3) RGB arrays. Panoramas are equirectangular and north-aligned: the centre
column looks north, columns run west, north, east, south. Positions are (x, y) in pixels from the
image's top-left corner, so that the centre of an image W pixels wide is at W / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views.image_files import open_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ImageArray: TypeAlias = NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]
"""Height and width in pixels."""

Decode = Literal["exact", "scaled"]
"""exact: images as stored. scaled: no larger than a method needs them, by `read_image`'s `least`."""

WHITE = 255
SIXTEEN_BIT_STEP = 257
"""A 16-bit grey level that is n * 257 is the 8-bit level n."""


ORIENTATION = 0x0112
"""The EXIF tag; 1 is upright."""

SCALE_STEPS = 8
"""A JPEG file can be decoded at any eighth of its size: its blocks have eight frequencies either way."""


def read_image(
    path: str | PathLike[str] | IO[bytes], *, most_px: int | None = None, least: Size | None = None
) -> ImageArray:
    """Read an image file as RGB, turned upright by its EXIF orientation.

    Grey levels are repeated, palettes expanded, transparent pixels laid on white, 16-bit grey scaled
    to 8 bits. Raises DataError as `open_image` does, and for a pixel type without an agreed range
    (32-bit integers, floats). most_px: as for `open_image`.

    least: (height, width) that suffices: the image comes at the smallest of the scales 1/8 to 8/8 that
    leaves neither side shorter. JPEG files are decoded at that scale, which is quicker than decoding them
    whole; other images are averaged down to it.
    """
    with open_image(path, most_px=most_px) as image:
        if image.format == "JPEG" and image.mode == "RGB" and image.getexif().get(ORIENTATION, 1) == 1:
            pixels = _decoded_jpeg(image, least)
            if pixels is not None:
                return pixels
        pixels = to_rgb(ImageOps.exif_transpose(image), path)
    return pixels if least is None else resize(pixels, _scaled(pixels.shape[:2], least), antialias=True)


def _decoded_jpeg(image: Image.Image, least: Size | None) -> ImageArray | None:
    """Return the pixels of an opened JPEG file, or None where only a forgiving decoder reads it.

    Equal to Pillow's to the bit at full size, both being libjpeg-turbo's, in two thirds of the time.
    """
    file = getattr(image, "fp", None)
    if file is None:
        return None
    file.seek(0)
    content = file.read()
    height, width = least or (image.height, image.width)
    try:
        pixels = simplejpeg.decode_jpeg(content, min_height=height, min_width=width)
    except ValueError:
        file.seek(0)
        return None
    return np.asarray(pixels, np.uint8)


def _scaled(size: Size, least: Size) -> Size:
    """Return the smallest size at eighths of `size` that leaves no side shorter than `least`."""
    for step in range(1, SCALE_STEPS):
        height, width = (-(-side * step // SCALE_STEPS) for side in size)
        if height >= least[0] and width >= least[1]:
            return height, width
    return size


def to_rgb(image: Image.Image, path: object = "that was read") -> ImageArray:
    """Return the pixels of an opened image as `read_image` does; `path` is what an error calls it."""
    if image.mode.startswith("I;16"):
        grey = np.asarray(image).astype(np.float64) / SIXTEEN_BIT_STEP
        return np.repeat(np.round(grey).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise DataError(f"The image {path} has 32-bit pixels of unknown range; save it with 8 bits.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (WHITE,) * 4)
        image = Image.alpha_composite(ground, image)
    return np.array(image.convert("RGB"))


def resize(image: ImageArray, size: Size, *, antialias: bool = False) -> ImageArray:
    """Resize bilinearly to (height, width), pixel centres at half-integers.

    Without `antialias` each output pixel is the bilinear mean of four input pixels (OpenCV's
    INTER_LINEAR_EXACT, with which published weights were trained): weights along either axis are
    rounded to 1/256, sums are exact, and the result is rounded to the nearest level, halves upwards.
    With it, detail finer than an output pixel is averaged instead of skipped (INTER_AREA).
    """
    import cv2

    if image.shape[:2] == tuple(size):
        return image
    method = cv2.INTER_AREA if antialias else cv2.INTER_LINEAR_EXACT
    resized = cv2.resize(np.ascontiguousarray(image), (size[1], size[0]), interpolation=method)
    return np.asarray(resized, np.uint8)


def normalise(image: ImageArray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return a float32 (3, H, W) tensor, (value / 255 - mean) / std for each channel."""
    import torch

    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    tensor = pixels.to(torch.float32, memory_format=torch.contiguous_format)
    shift = torch.tensor(mean, dtype=torch.float32).mul(255).view(3, 1, 1)
    scale = torch.tensor(std, dtype=torch.float32).mul(255).view(3, 1, 1)
    return tensor.sub_(shift).div_(scale)


@dataclass(frozen=True)
class Geometry:
    """One mirroring and turning of the world, applied alike to every view of a place.

    The mirroring (east with west) comes first, then `quarter_turns` of 90 degrees counter-clockwise
    as seen from above. Views of one place stay aligned only if all go through the same Geometry.
    """

    flip: bool = False
    quarter_turns: int = 0

    def __post_init__(self) -> None:
        if self.quarter_turns not in range(4):
            raise UsageError(f"quarter_turns is {self.quarter_turns}, but it must be 0, 1, 2 or 3.")

    @classmethod
    def draw(
        cls, generator: np.random.Generator, *, flip_probability: float, turn_probability: float
    ) -> Geometry:
        """Draw a Geometry; a turn is by 1, 2 or 3 quarters with equal chance.

        Takes the same three numbers from `generator` whatever the probabilities are.
        """
        flip, turn, quarters = generator.random(), generator.random(), generator.integers(1, 4)
        return cls(bool(flip < flip_probability), int(quarters) if turn < turn_probability else 0)

    def on_panorama(self, image: ImageArray) -> ImageArray:
        """Mirror and roll a panorama: a quarter turn moves its columns by a quarter to the left.

        The shift is rounded once, to a whole column, so widths that are no multiple of 4 are off by
        half a column at most.
        """
        if self.flip:
            image = image[:, ::-1]
        return np.roll(image, -round(self.quarter_turns * image.shape[1] / 4), axis=1)

    def on_overhead(self, image: ImageArray) -> ImageArray:
        """Mirror and turn a north-up view from above, such as a tile."""
        if self.flip:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, self.quarter_turns))

    def on_position(self, position_px: tuple[float, float], size: Size) -> tuple[float, float]:
        """Return where a point of an overhead image of `size` (height, width) comes to lie."""
        height, width = size
        x, y = position_px
        if self.flip:
            x = width - x
        for _ in range(self.quarter_turns):
            x, y = y, width - x
            height, width = width, height
        return x, y
