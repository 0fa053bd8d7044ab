"""The sky of a city: a gradient, the sun's glow, clouds, and a hazy line of far roofs and hills."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cvgl_bench.minicity.chance import generator
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.plants import smooth_noise
from cvgl_bench.minicity.style import CityStyle
from cvgl_bench.minicity.view import View

Array = NDArray[np.float32]

SKYLINE_SEED, CLOUDS_SEED = 3, 6
SKYLINE_RAD = 0.075
"""How high the far skyline reaches over the horizon: about 4 degrees."""
SKYLINE_BLOCKS = 96
WEATHERS = 4
"""Arrangements of clouds that the panoramas of a region share."""
CLOUD_CELLS = 512
CLOUD_REACH = 70.0
"""Cells of the cloud layer from the zenith to where it is seen at 45 degrees."""


class Sky:
    """The upper half of panoramas; the far skyline stays put, the clouds change."""

    def __init__(self, view: View, style: CityStyle, light: Light, seed: int) -> None:
        self._azimuth = view.azimuth[None]
        self._elevation = view.elevation[: view.horizon, None]
        clear = self._gradient(style, light)
        far = np.array(style.haze, np.float32) * np.array([0.72, 0.76, 0.82], np.float32)
        skyline = self._skyline(seed)
        self._pictures = []
        for weather in range(WEATHERS):
            cover = self._clouds(generator(seed, CLOUDS_SEED, weather))
            picture = np.where(skyline, far, clear + (246 - clear) * cover)
            self._pictures.append(np.ascontiguousarray(np.moveaxis(picture, -1, 0)))

    def draw(self, rng: np.random.Generator) -> Array:
        """Return the upper half of a panorama, (3, rows, columns), with the clouds of some day."""
        return self._pictures[int(rng.integers(WEATHERS))]

    def _gradient(self, style: CityStyle, light: Light) -> Array:
        up = np.sin(self._elevation)[..., None]
        haze = np.exp(-up * 4.0)
        colour = np.array(style.sky, np.float32) * (1.08 - 0.2 * up)
        colour = colour + (np.array(style.haze, np.float32) - colour) * haze
        towards = (
            np.cos(self._elevation) * np.cos(light.elevation_rad) * np.cos(self._azimuth - light.azimuth_rad)
        )
        towards = towards + np.sin(self._elevation) * np.sin(light.elevation_rad)
        away = np.arccos(np.clip(towards, -1, 1))[..., None]
        return (colour + 150 * np.exp(-((away / 0.07) ** 2)) + 46 * np.exp(-away / 0.35)).astype(np.float32)

    def _clouds(self, rng: np.random.Generator) -> Array:
        """Return the cover (rows, columns, 1) of clouds on a flat layer seen from below."""
        octaves = ((8, 0.55), (16, 0.42), (32, 0.24), (64, 0.14), (128, 0.08))
        layer = reduce(add, (weight * smooth_noise(rng, CLOUD_CELLS, cells) for cells, weight in octaves))
        reach = CLOUD_REACH / np.tan(np.maximum(self._elevation, 0.05))
        x = (reach * np.sin(self._azimuth)).astype(int) % CLOUD_CELLS
        y = (reach * np.cos(self._azimuth)).astype(int) % CLOUD_CELLS
        cover = np.clip((layer[y, x] - rng.uniform(-0.1, 0.35)) * 0.8, 0, 0.9)
        fading = np.clip(self._elevation / 0.35, 0, 1)
        soft = Image.fromarray((cover * fading * 255).astype(np.uint8)).reduce(2).resize(cover.shape[::-1])
        return np.asarray(soft, np.float32)[..., None] / np.float32(255)

    def _skyline(self, seed: int) -> NDArray[np.bool_]:
        rng = generator(seed, SKYLINE_SEED)
        columns = self._azimuth.shape[1]
        hills = sum(np.sin(self._azimuth[0] * k + rng.uniform(0, 6)) / k for k in (2, 3, 5)) * 0.3 + 0.4
        blocks = np.repeat(rng.random(SKYLINE_BLOCKS), -(-columns // SKYLINE_BLOCKS))[:columns] ** 2
        line = SKYLINE_RAD * (0.3 + 0.35 * np.clip(hills, 0, 1) + 0.35 * blocks)
        return (self._elevation < line[None])[..., None]
