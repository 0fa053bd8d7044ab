"""Photometric augmentation of single images, after Sample4Geo (Deuser et al., ICCV 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.views.images import ImageArray, Size, resize

LUMA = np.array([0.299, 0.587, 0.114])
"""Grey level of an RGB pixel (ITU-R BT.601)."""

BLUR_SIDES_PX = (3, 5, 7)
BLUR_SIGMA_PX = (0.2, 1.0)
BLUR_SHAPE = (0.5, 1.0, 8.0)
"""Exponent of the blur's bell: half of the draws are peaked (below 1, a Gaussian's), half flat (above)."""
BLUR_NOISE = (0.9, 1.1)
"""Each weight of a blur's window is multiplied by a draw from this range."""
SHARPEN_ALPHA = (0.2, 0.5)
"""Share of the sharpened image in the blend; sharpened = 9 times the pixel minus its 8 neighbours."""
PUBLISHED_GAIN = (0.5, 1.0)
"""Brightness that the published code's sharpened image keeps, drawn anew each time."""

GRID_CELLS = 10
"""Whole cells that a dropout grid has along the image's width."""
HOLES = (10, 25)
HOLE_SIDE = (0.1, 0.2)
"""Least and largest side of a hole, both directions, as a share of the image's height."""


@dataclass(frozen=True)
class Photometric:
    """How strongly images are augmented; a probability of 0 turns that step off.

    jpeg_probability, jpeg_quality: chance of compressing the stored image, and the range of quality.
    colour_probability, colour_strength: chance and largest relative change of brightness, contrast
        and saturation; hue turns by up to the same share of the full circle.
    blur_probability: chance of either a blur or a sharpening.
    sharpen_darkens: whether sharpening also darkens, as the published code does.
    dropout_probability: chance of blackening either a grid of squares or random rectangles.
    grid_ratio: side of a grid's squares as a share of its cells.
    antialias: whether images are shrunk with an antialiasing filter.
    """

    jpeg_probability: float = 0.5
    jpeg_quality: tuple[int, int] = (90, 100)
    colour_probability: float = 0.5
    colour_strength: float = 0.15
    blur_probability: float = 0.3
    sharpen_darkens: bool = False
    dropout_probability: float = 0.3
    grid_ratio: float = 0.4
    antialias: bool = False

    def __call__(self, image: ImageArray, size: Size, generator: np.random.Generator) -> ImageArray:
        """Return the image augmented and resized to `size`; equal generators give equal images.

        JPEG compression sees the stored image, every other step the resized one, as published.
        """
        if generator.random() < self.jpeg_probability:
            low, high = self.jpeg_quality
            image = compress(image, int(generator.integers(low, high + 1)))
        image = resize(image, size, antialias=self.antialias)
        if generator.random() < self.colour_probability:
            image = jitter_colours(image, self.colour_strength, generator)
        if generator.random() < self.blur_probability:
            image = _blur_or_sharpen(image, generator, darkens=self.sharpen_darkens)
        if generator.random() < self.dropout_probability:
            image = _drop_grid_or_holes(image, self.grid_ratio, generator)
        return image


def compress(image: ImageArray, quality: int) -> ImageArray:
    """Return the image after JPEG compression with `quality` (1 to 100)."""
    # OpenCV takes blue first; the order matters because JPEG keeps luminance finer than colour.
    _, stored = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB), np.uint8)


def jitter_colours(image: ImageArray, strength: float, generator: np.random.Generator) -> ImageArray:
    """Change brightness, contrast, saturation and hue, each by a uniform draw up to `strength`.

    Differs from the paper: hue turns about the grey axis instead of in HSV, so that all four changes
    are one affine map of RGB, which is 10 times faster; values are clipped once, at the end.
    """
    brightness, contrast, saturation = 1 + generator.uniform(-strength, strength, size=3)
    turn_rad = 2 * math.pi * generator.uniform(-strength, strength)
    matrix = brightness * contrast * saturation_matrix(saturation) @ hue_matrix(turn_rad)
    # Saturation and hue leave grey levels alone, so the mean grey level can be taken before them.
    mean_grey = brightness * LUMA @ cv2.mean(image)[:3]
    offset = np.full((3, 1), (1 - contrast) * mean_grey)
    return np.asarray(cv2.transform(image, np.hstack([matrix, offset])), np.uint8)


def saturation_matrix(factor: float) -> NDArray[np.float64]:
    """Return the RGB matrix that blends each pixel with its grey level; 1 changes nothing."""
    return factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1))


def hue_matrix(turn_rad: float) -> NDArray[np.float64]:
    """Return the RGB matrix that turns hues by an angle and keeps greys and grey levels.

    A rotation about (1, 1, 1) inside the plane of equal grey level, as in the YIQ colour space.
    """
    to_yiq = np.array([LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    rotation = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(to_yiq) @ rotation @ to_yiq


def _blur_or_sharpen(image: ImageArray, generator: np.random.Generator, *, darkens: bool) -> ImageArray:
    if generator.random() < 0.5:
        return blur(image, draw_blur_window(generator))
    alpha = generator.uniform(*SHARPEN_ALPHA)
    return sharpen(image, alpha, gain=generator.uniform(*PUBLISHED_GAIN) if darkens else 1.0)


def draw_blur_window(generator: np.random.Generator) -> NDArray[np.float64]:
    """Return weights (n, n) of sum 1 for n of 3, 5 or 7: a turned, stretched, noisy bell.

    exp(-r^(2 shape) / 2) with r^2 = (u / sigma_u)^2 + (v / sigma_v)^2 along axes u, v at a random angle;
    shape 1 is a Gaussian. Ranges are those that albumentations documents for its AdvancedBlur, which
    the published code calls as it comes.
    """
    side_px = int(generator.choice(BLUR_SIDES_PX))
    sigma_u, sigma_v = generator.uniform(*BLUR_SIGMA_PX, size=2)
    turn_rad = generator.uniform(-math.pi / 2, math.pi / 2)
    peaked, gaussian, flat = BLUR_SHAPE
    shape = generator.uniform(*((peaked, gaussian) if generator.random() < 0.5 else (gaussian, flat)))
    y, x = np.mgrid[:side_px, :side_px] - side_px // 2
    u = x * math.cos(turn_rad) + y * math.sin(turn_rad)
    v = y * math.cos(turn_rad) - x * math.sin(turn_rad)
    window = np.exp(-0.5 * ((u / sigma_u) ** 2 + (v / sigma_v) ** 2) ** shape)
    window *= generator.uniform(*BLUR_NOISE, size=window.shape)
    return window / window.sum()


def blur(image: ImageArray, window: NDArray[np.float64]) -> ImageArray:
    """Replace each pixel by the mean of its neighbours under the window's weights; borders are mirrored."""
    return np.asarray(cv2.filter2D(image, -1, window), np.uint8)


def sharpen(image: ImageArray, alpha: float, *, gain: float = 1.0) -> ImageArray:
    """Blend by `alpha` with the sharpened image, 8 + `gain` times each pixel minus its 8 neighbours.

    gain: brightness of a plain in the sharpened image; 1 keeps it.
    """
    window = np.full((3, 3), -alpha, np.float32)
    window[1, 1] = 1 + (7 + gain) * alpha
    return np.asarray(cv2.filter2D(image, -1, window), np.uint8)


def _drop_grid_or_holes(image: ImageArray, grid_ratio: float, generator: np.random.Generator) -> ImageArray:
    if generator.random() < 0.5:
        return drop_grid(image, grid_ratio)
    return drop_holes(image, generator)


def drop_grid(image: ImageArray, ratio: float) -> ImageArray:
    """Blacken the top-left square of every cell of a grid, `ratio` of the cell's side.

    Cells are squares of a tenth of the image's width and start at its top-left corner; both sides are
    rounded down to whole pixels, and cells at the right and bottom may be cut. At 384 x 768 px and ratio
    0.5 that is 6 x 11 squares of 38 px in cells of 76 px, as in the published code.
    """
    height, width = image.shape[:2]
    cell_px = max(width // GRID_CELLS, 2)
    hole_px = min(max(int(cell_px * ratio), 1), cell_px - 1)
    rows, columns = (np.arange(side) % cell_px < hole_px for side in (height, width))
    image = image.copy()
    image[np.ix_(rows, columns)] = 0
    return image


def drop_holes(image: ImageArray, generator: np.random.Generator) -> ImageArray:
    """Blacken 10 to 25 rectangles, both sides a whole number of pixels from 10 to 20 % of the height."""
    height, width = image.shape[:2]
    least_px, most_px = (min(max(int(share * height), 1), width) for share in HOLE_SIDE)
    image = image.copy()
    for _ in range(generator.integers(HOLES[0], HOLES[1] + 1)):
        hole_height, hole_width = generator.integers(least_px, most_px + 1, size=2)
        top = generator.integers(0, height - hole_height + 1)
        left = generator.integers(0, width - hole_width + 1)
        image[top : top + hole_height, left : left + hole_width] = 0
    return image
