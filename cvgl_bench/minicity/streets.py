"""The street network of a city: a bent, jittered grid in which some pieces are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.chance import uniform, uniform_at
from cvgl_bench.minicity.style import CityStyle

Floats = NDArray[np.float64]

ALONG, ACROSS = 0, 1
"""The two directions of the grid: streets along the first axis, and streets along the second."""

_JITTER_SALT, _DROP_SALT, _PHASE_SALT = 1, 3, 5
_WAVES_M = (410.0, 277.0)
"""Lengths of the waves that bend the streets; unrelated to the size of a block."""
_BRIDGE_EVERY = 3
"""One street in so many crosses the river."""


@dataclass(frozen=True)
class Street:
    """A straight piece between two junctions; positions in metres east and south of the centre."""

    start: Floats
    end: Floats
    width_m: float
    avenue: bool
    trim_m: tuple[float, float]
    """How much of either end belongs to the junction."""


class StreetGrid:
    """Junctions (i, j), the streets between them and the blocks they enclose, for any i and j."""

    def __init__(self, style: CityStyle, seed: int) -> None:
        self.style = style
        self.seed = seed
        angle = np.radians(style.angle_deg)
        self._axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        self._junctions: dict[tuple[int, int], Floats] = {}
        self._kept: dict[tuple[int, int, int], bool] = {}
        self._phase = uniform(seed, _PHASE_SALT, np.arange(4)) * 2 * np.pi

    def junction(self, i: int, j: int) -> Floats:
        """Return the position (2,) of a junction in metres."""
        if (i, j) not in self._junctions:
            self._junctions[i, j] = self._bent(i, j)
        return self._junctions[i, j]

    def _bent(self, i: int, j: int) -> Floats:
        shift = np.array([uniform_at(self.seed, _JITTER_SALT + axis, i, j) - 0.5 for axis in (0, 1)])
        a, b = ((i, j) + 2 * self.style.irregular * shift) * self.style.block_m
        long, short = 2 * np.pi / _WAVES_M[0], 2 * np.pi / _WAVES_M[1]
        phase = self._phase
        bend = (
            np.sin(b * long + phase[0]) + 0.5 * np.sin(b * short + a * long + phase[1]),
            np.sin(a * long + phase[2]) + 0.5 * np.sin(a * short - b * long + phase[3]),
        )
        return (np.array([a, b]) + self.style.bend_m * np.array(bend)) @ self._axes

    def window(self, low: Floats, high: Floats) -> tuple[range, range]:
        """Return ranges of i and j whose blocks cover the rectangle from `low` to `high` (metres)."""
        corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
        grid = corners @ self._axes.T / self.style.block_m
        slack = 1 + self.style.irregular + 1.5 * self.style.bend_m / np.array(self.style.block_m)
        first = np.floor(grid.min(0) - slack).astype(int)
        last = np.ceil(grid.max(0) + slack).astype(int)
        return range(first[0], last[0] + 1), range(first[1], last[1] + 1)

    def is_avenue(self, axis: int, line: int) -> bool:
        """Return whether a whole street is an avenue; `line` is its j along, or its i across."""
        return line % self.style.avenue_every[axis] == 1

    def is_river(self, i: int) -> bool:
        """Return whether the strip of blocks between i and i + 1 is water."""
        return self.style.river_every > 0 and i % self.style.river_every == 1

    def width_m(self, axis: int, line: int) -> float:
        """Return the width of a street's carriageway."""
        return self.style.avenue_m if self.is_avenue(axis, line) else self.style.street_m

    def is_kept(self, axis: int, i: int, j: int) -> bool:
        """Return whether the piece from junction (i, j) to the next along the axis exists."""
        piece = (axis, i, j)
        if piece not in self._kept:
            self._kept[piece] = self._keep(*piece)
        return self._kept[piece]

    def _keep(self, axis: int, i: int, j: int) -> bool:
        line = j if axis == ALONG else i
        if axis == ALONG and self.is_river(i):
            return line % _BRIDGE_EVERY == 1
        if self.is_avenue(axis, line) or (axis == ACROSS and (self.is_river(i) or self.is_river(i - 1))):
            return True
        return uniform_at(self.seed, _DROP_SALT + axis, i, j) >= self.style.dropped

    def street(self, axis: int, i: int, j: int) -> Street | None:
        """Return the piece that starts at junction (i, j), None where it is built over."""
        if not self.is_kept(axis, i, j):
            return None
        end = (i + 1, j) if axis == ALONG else (i, j + 1)
        line = j if axis == ALONG else i
        return Street(
            start=self.junction(i, j),
            end=self.junction(*end),
            width_m=self.width_m(axis, line),
            avenue=self.is_avenue(axis, line),
            trim_m=(self._trim_m(axis, i, j), self._trim_m(axis, *end)),
        )

    def _trim_m(self, axis: int, i: int, j: int) -> float:
        crossing_axis, line, before = (ACROSS, i, (i, j - 1)) if axis == ALONG else (ALONG, j, (i - 1, j))
        crossed = self.is_kept(crossing_axis, i, j) or self.is_kept(crossing_axis, *before)
        return self.width_m(crossing_axis, line) / 2 + 1.5 if crossed else 0.0

    def block(self, i: int, j: int) -> tuple[Floats, Floats]:
        """Return the junctions (4, 2) at the corners, half the widths (4,) of the streets at its edges."""
        corners = np.array([self.junction(a, b) for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))])
        edges = ((ALONG, i, j), (ACROSS, i + 1, j), (ALONG, i, j + 1), (ACROSS, i, j))
        half = [
            self.width_m(axis, b if axis == ALONG else a) / 2 if self.is_kept(axis, a, b) else 0.0
            for axis, a, b in edges
        ]
        return corners, np.array(half)
