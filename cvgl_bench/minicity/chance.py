"""Random numbers that depend only on the world's seed and on a place, so any region can be drawn alone."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WORD = (1 << 64) - 1
_OFFSET = 1 << 30
"""Makes negative grid indices valid seeds."""


def city_seed(seed: int, city: str) -> int:
    """Return a 64-bit seed for one city of a world."""
    return (seed * 0x9E3779B97F4A7C15 + zlib.crc32(city.encode()) * 0xBF58476D1CE4E5B9) & (2**64 - 1)


def generator(seed: int, *place: int) -> np.random.Generator:
    """Return the random generator of a place, given by any integers."""
    return np.random.default_rng([seed, *(p + _OFFSET for p in place)])


def uniform(seed: int, salt: int, i: ArrayLike, j: ArrayLike = 0) -> NDArray[np.float64]:
    """Return numbers in [0, 1) that depend only on the arguments, which broadcast (splitmix64)."""
    column, row = (np.asarray(place, np.int64).astype(np.uint64) for place in (i, j))
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + column * np.uint64(0x9E3779B97F4A7C15) + row * np.uint64(0xC2B2AE3D27D4EB4F)
        z = z + np.uint64(salt) * np.uint64(0x165667B19E3779F9)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2**53


def uniform_at(seed: int, salt: int, i: int, j: int = 0) -> float:
    """Return the number that `uniform` gives for one place, without the cost of an array."""
    z = seed + i * 0x9E3779B97F4A7C15 + j * 0xC2B2AE3D27D4EB4F + salt * 0x165667B19E3779F9 & _WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
    return ((z ^ (z >> 31)) >> 11) / 2**53
