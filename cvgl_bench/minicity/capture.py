"""Two visits to one city: street and overhead images are not taken on the same day by the same sun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.chance import generator, uniform
from cvgl_bench.minicity.scene import Rgb
from cvgl_bench.minicity.style import CityStyle

Floats = NDArray[np.float64]

STREET_KEY, OVERHEAD_KEY = 1, 2
SKY_SEED, OFFSET_SEED = 11, 12
TREE_SEED, FENCE_SEED, PAINT_SEED, HUE_SEED = 21, 22, 23, 24

MORNING_DEG = (35.0, 75.0)
"""How far east of the midday sun it stands when imaging satellites pass, at about half past ten."""
ELEVATION_DEG = (38.0, 66.0)
APART_DEG = 45.0
"""The two suns stand at least this far apart."""
SEASON = 0.07
"""Standard deviation of the gain that the season puts on each channel of the leaves."""
WHITE_BALANCE = 0.03
OVERHEAD_GAIN = (0.93, 0.97, 1.02)
OVERHEAD_HAZE = (5.0, 14.0)
FENCES_TO_TREES = 2.0
"""Fences and hedges come and go this many times as often as trees."""


@dataclass(frozen=True)
class Changes:
    """What a visit finds changed; it follows from the place alone, so that any region can be drawn alone."""

    seed: int = 0
    share: float = 0.0
    """Of the trees that are gone, and of the buildings that are painted anew."""

    def _drawn(self, salt: int, places: Floats) -> Floats:
        cells = np.round(100 * places).astype(np.int64)
        return uniform(self.seed, salt, cells[:, 0], cells[:, 1])

    def finds_trees(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the trees at some places are there, (N,)."""
        return self._drawn(TREE_SEED, places) >= self.share

    def finds_fences(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the hedges and walls around some places are there, (N,)."""
        return self._drawn(FENCE_SEED, places) >= self.share * FENCES_TO_TREES

    def paint(self, places: Floats) -> NDArray[np.int64]:
        """Return by how many channels the colours of the buildings around some places are turned, (N,)."""
        turns = 1 + (2 * self._drawn(HUE_SEED, places)).astype(np.int64)
        return np.where(self._drawn(PAINT_SEED, places) < self.share, turns, 0)


@dataclass(frozen=True)
class Capture:
    """One visit: its light, its season, its camera, and what it finds changed."""

    key: int
    """Part of every random number that is the visit's own: its cars and its grain."""
    sun_azimuth_deg: float
    """Clockwise from north."""
    sun_elevation_deg: float
    leaves_gain: Rgb = (1.0, 1.0, 1.0)
    camera_gain: Rgb = (1.0, 1.0, 1.0)
    haze: float = 0.0
    """Grey levels that the air adds between camera and ground."""
    offset_m: tuple[float, float] = (0.0, 0.0)
    """How far east and south of its true place the imagery shows the city."""
    changes: Changes = Changes()

    def finds_trees(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the trees at some places are there, (N,)."""
        return self.changes.finds_trees(places)

    def finds_fences(self, places: Floats) -> NDArray[np.bool_]:
        """Return which of the hedges and walls around some places are there, (N,)."""
        return self.changes.finds_fences(places)

    def paint(self, places: Floats) -> NDArray[np.int64]:
        """Return by how many channels the colours of the buildings around some places are turned, (N,)."""
        return self.changes.paint(places)


def street_capture(style: CityStyle, seed: int, *, changed: float) -> Capture:
    """Return the visit of the street camera to a city, under the sun of its style."""
    return Capture(
        STREET_KEY,
        style.sun_azimuth_deg,
        style.sun_elevation_deg,
        changes=Changes(seed + STREET_KEY, changed),
    )


def overhead_capture(style: CityStyle, seed: int, *, changed: float, registration_m: float) -> Capture:
    """Return the visit of the overhead camera: another sun, season and white balance, off by a little.

    registration_m: standard deviation, along each axis, of how far the imagery lies off the map.
    """
    rng = generator(seed, SKY_SEED, OVERHEAD_KEY)
    midday_deg = 180.0 if style.centre[0] > 0 else 0.0
    east = 1.0 if midday_deg == 0.0 else -1.0
    azimuth_deg = (midday_deg + east * rng.uniform(*MORNING_DEG)) % 360
    apart_deg = (azimuth_deg - style.sun_azimuth_deg + 180) % 360 - 180
    if abs(apart_deg) < APART_DEG:
        azimuth_deg = (style.sun_azimuth_deg + east * APART_DEG) % 360
    season = 1 + SEASON * rng.standard_normal(3)
    balance = np.array(OVERHEAD_GAIN) * (1 + WHITE_BALANCE * rng.standard_normal(3))
    offset = generator(seed, OFFSET_SEED, OVERHEAD_KEY).normal(0, registration_m, 2)
    return Capture(
        OVERHEAD_KEY,
        float(azimuth_deg),
        float(rng.uniform(*ELEVATION_DEG)),
        leaves_gain=tuple(season.tolist()),
        camera_gain=tuple(balance.tolist()),
        haze=float(rng.uniform(*OVERHEAD_HAZE)),
        offset_m=tuple(offset.tolist()),
        changes=Changes(seed + OVERHEAD_KEY, changed),
    )
