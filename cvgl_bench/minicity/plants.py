"""Textures made once per process: crowns from above, trees from the side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CROWN_CELLS = 64
SPRITE_SHAPE = (96, 64)
VARIANTS = 6
DICE = 8192
"""Size of the table behind `dice`; a power of two."""


@dataclass(frozen=True)
class CrownStamp:
    """A crown from above, (S, S): where it is, its height and its brightness."""

    alpha: NDArray[np.bool_]
    dome: NDArray[np.float32]
    """Height as a share of the tree's."""
    bright: NDArray[np.float32]


@dataclass(frozen=True)
class Sprite:
    """A tree from the side, (96, 64), from its top to the ground, as wide as its crown."""

    alpha: NDArray[np.bool_]
    wood: NDArray[np.bool_]
    bright: NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> NDArray[np.float32]:
    """Return periodic noise in about -1..1, (size, size), with features of size / cells."""
    grid = rng.standard_normal((cells, cells)).astype(np.float32)
    padded = np.pad(grid, 2, mode="wrap")
    scale = size // cells
    big = Image.fromarray(padded).resize(((cells + 4) * scale,) * 2, Image.Resampling.BICUBIC)
    return np.asarray(big)[2 * scale : 2 * scale + size, 2 * scale : 2 * scale + size]


@cache
def _dice_table() -> NDArray[np.float32]:
    return np.random.default_rng(5).random(DICE, dtype=np.float32)


def dice(place: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return numbers in [0, 1) that depend only on integers: a table, for pixels by the million."""
    return _dice_table().take(place & (DICE - 1))


@cache
def _crown_master(
    species: str, variant: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng([sum(map(ord, species)), variant])
    axis = (np.arange(CROWN_CELLS) + 0.5) / CROWN_CELLS * 2 - 1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    lumps = smooth_noise(rng, CROWN_CELLS, 8)
    if species == "palm":
        fronds = 0.5 + 0.5 * np.cos(angle * 9 + rng.uniform(0, 6))
        alpha = radius < 0.35 + 0.62 * fronds**1.5
        dome = np.clip(1 - 0.25 * radius, 0, 1)
        bright = 0.75 + 0.35 * fronds - 0.2 * radius
    elif species == "conifer":
        edge = 0.88 + 0.12 * np.cos(angle * 11 + rng.uniform(0, 6))
        alpha = radius < edge
        dome = np.clip(1 - 0.8 * radius, 0, 1)
        bright = 0.82 + 0.12 * np.cos(angle * 11) * radius + 0.1 * lumps + 0.25 * (1 - radius)
    else:
        edge = 0.86 + 0.1 * np.cos(3 * angle + rng.uniform(0, 6)) + 0.07 * lumps
        alpha = radius < edge
        dome = 0.55 + 0.45 * np.sqrt(np.clip(1 - radius**2, 0, 1)) + 0.04 * lumps
        bright = 0.84 + 0.22 * lumps + 0.14 * (1 - radius)
    return alpha, dome.astype(np.float32), bright.astype(np.float32)


@cache
def crown_stamp(species: str, variant: int, size: int) -> CrownStamp:
    """Return a crown of `size` cells across."""
    alpha, dome, bright = _crown_master(species, variant)
    pick = ((np.arange(size) + 0.5) * CROWN_CELLS / size).astype(int)
    cells = np.ix_(pick, pick)
    return CrownStamp(alpha[cells], dome[cells], bright[cells])


@cache
def sprite(species: str, variant: int) -> Sprite:
    """Return a tree from the side."""
    rng = np.random.default_rng([7 + sum(map(ord, species)), variant])
    height, width = SPRITE_SHAPE
    y = 1 - (np.arange(height)[:, None] + 0.5) / height
    x = (np.arange(width)[None] + 0.5) / width * 2 - 1
    noise = smooth_noise(rng, 96, 12)[:, :width] * 0.5 + smooth_noise(rng, 96, 24)[:, :width] * 0.5
    if species == "conifer":
        tiers = 0.78 + 0.22 * ((1 - y) * 7 % 1)
        leaves = (y > 0.1) & (np.abs(x) < (1.02 - y) * tiers + 0.1 * noise)
        bright = 0.8 + 0.25 * tiers - 0.2 * np.abs(x) + 0.2 * noise
        trunk = 0.05
    elif species == "palm":
        from_hub = np.hypot(x, (y - 0.88) * 3.2)
        angle = np.arctan2((y - 0.88) * 3.2 + 0.35 * x**2, x)
        leaves = (from_hub < 0.95) & (np.cos(angle * 9 + rng.uniform(0, 6)) > -0.25 + 0.5 * from_hub)
        bright = 0.95 + 0.25 * noise
        trunk = 0.06
    else:
        mass = np.hypot(x, (y - 0.63) / 0.4)
        leaves = mass < 0.93 + 0.16 * noise
        bright = 0.72 + 0.45 * (y - 0.35) + 0.28 * noise - 0.12 * x
        trunk = 0.07
    wood = (np.abs(x) < trunk * (1.3 - 0.5 * y)) & (y < 0.85) & ~leaves
    return Sprite(leaves | wood, wood, np.broadcast_to(bright, leaves.shape).astype(np.float32))
