"""Does a tile's place in one city's grid show in another city's tiles? It must not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.splits import Split, Task
from cvgl_bench.views.images import read_image

PATCH_PX = 96
"""Side of the middle of a tile that is compared."""
BLUR_PX = 2.0
MOST_TILES = 256


@dataclass(frozen=True)
class PositionCode:
    """How alike tile n of one city and tile n of another are, in fine detail."""

    cities: tuple[str, str]
    correlation: float
    """Mean over tiles of equal place."""
    deviations: float
    """The same in standard deviations of what tiles of different places give."""
    tiles: int


def position_codes(task: Task) -> tuple[PositionCode, ...]:
    """Return the codes of every pair of cities among a task's references, tiles in reading order."""
    patches: dict[str, NDArray[np.float32]] = {}
    for split in (task.train, task.test):
        for city in sorted(set(split.references["city"]) - set(patches)):
            patches[city] = _patches(split, city)
    return tuple(_code(pair, patches) for pair in itertools.combinations(sorted(patches), 2))


def _patches(split: Split, city: str) -> NDArray[np.float32]:
    """Return the high-passed middles of a city's first tiles, north to south, each of unit length (N, P)."""
    tiles = split.references[split.references["city"] == city]
    order = np.lexsort([tiles["lon"].to_numpy(), np.round(-tiles["lat"].to_numpy(), 6)])[:MOST_TILES]
    found = []
    for path in tiles["path"].iloc[order]:
        grey = cv2.cvtColor(read_image(split.root / path), cv2.COLOR_RGB2GRAY).astype(np.float32)
        top, left = ((side - min(side, PATCH_PX)) // 2 for side in grey.shape)
        detail = (grey - cv2.GaussianBlur(grey, (0, 0), BLUR_PX))[
            top : top + PATCH_PX, left : left + PATCH_PX
        ]
        flat = detail.ravel() - detail.mean()
        found.append(flat / max(float(np.linalg.norm(flat)), 1e-6))
    return np.stack(found)


def _code(cities: tuple[str, str], patches: dict[str, NDArray[np.float32]]) -> PositionCode:
    count = min(len(patches[city]) for city in cities)
    products = patches[cities[0]][:count] @ patches[cities[1]][:count].T
    equal = np.diag(products)
    other = products[~np.eye(count, dtype=bool)] if count > 1 else np.zeros(1)
    spread = float(other.std()) / np.sqrt(count)
    deviations = (float(equal.mean()) - float(other.mean())) / spread if spread > 0 else 0.0
    return PositionCode(cities, float(equal.mean()), deviations, count)
