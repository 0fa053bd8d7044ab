"""What is on the carriageway: lane markings, crossings, parked and driving cars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.buildings import choice
from cvgl_bench.minicity.chance import generator
from cvgl_bench.minicity.scene import Kind, Scene, Solid
from cvgl_bench.minicity.shapes import ribbon
from cvgl_bench.minicity.streets import Street, StreetGrid

Floats = NDArray[np.float64]

WHITE = (226, 226, 220)
YELLOW = (222, 178, 60)
LINE_M = 0.2
DASH_M, DASH_GAP_M = 2.6, 3.4
LANE_M = 3.2
STRIPE_M, CROSSING_M = 0.6, 3.2
"""Width of a crossing's stripe and of its gap, and length of the stripes."""
MIN_STREET_M = 14.0
"""A piece of street shorter than this carries no markings."""
CAR_PAINTS = (
    (232, 232, 230), (196, 198, 200), (128, 132, 136), (44, 46, 50), (58, 60, 66), (36, 62, 116),
    (158, 34, 34), (106, 116, 124), (206, 196, 172), (44, 82, 66),
)  # fmt: skip
CAR_HALF_M = (2.15, 0.9)
BODY_M, CABIN_M, VAN_M = 0.85, 1.42, 2.1
"""Heights of a bonnet, and of the roofs of a car and of a van."""
VANS = 0.12
GLASS_RGB = (38, 44, 52)
RESURFACED = 0.6
"""Share of the pieces of street with a surface of their own."""
SURFACES = ((54, 54, 60), (142, 138, 132), (124, 104, 92), (112, 116, 124), (132, 88, 78))
"""Fresh and worn asphalt, cobbles, concrete, red asphalt."""
CYCLED = 0.4
"""Share of the pieces of street with coloured lanes along their kerbs."""
CYCLE_LANES = ((58, 124, 82), (160, 66, 56), (58, 96, 152))
CYCLE_LANE_M = 1.6
KERB_GAP_M = 0.15
MARKINGS_SEED, CARS_SEED, SURFACE_SEED = 1, 2, 3


def _outline(rear: float, front: float, half_width: float) -> Floats:
    return np.array([(rear, half_width), (front, half_width), (front, -half_width), (rear, -half_width)])


CAR = np.concatenate([_outline(-1, 1, 1), _outline(-0.78, 0.34, 0.9), _outline(-0.55, 0.08, 0.82)])
VAN = np.concatenate([_outline(-1, 1, 1), _outline(-0.96, 0.62, 0.94), _outline(-0.9, 0.5, 0.88)])
"""Body, glass and roof seen from above, in half lengths and half widths."""


def add_car(scene: Scene, middle: Floats, ahead: Floats, rng: np.random.Generator, *, visit: int) -> None:
    """Stand a car at `middle` (metres), heading for the point `ahead`, on one visit."""
    x, y = (ahead - middle).tolist()
    length = max(math.hypot(x, y), 1e-9)
    x, y = x / length, y / length
    paint = CAR_PAINTS[int(rng.integers(len(CAR_PAINTS)))]
    van = rng.random() < VANS
    scale = 1.12 if van else rng.uniform(0.92, 1.06)
    half_length_m, half_width_m = CAR_HALF_M[0] * scale, CAR_HALF_M[1] * scale
    axes = np.array([(x * half_length_m, y * half_length_m), (-y * half_width_m, x * half_width_m)])
    body, glass, roof = ((VAN if van else CAR) @ axes + middle).reshape(3, 4, 2)
    top_m = VAN_M if van else CABIN_M
    scene.solid(body, Solid(Kind.CAR, BODY_M, paint, paint, GLASS_RGB), grain=0.02, visit=visit)
    windows = Solid(Kind.CAR, top_m, (46, 54, 64), paint, GLASS_RGB)
    cabin = scene.solid(glass, windows, grain=0.02, visit=visit)
    top = scene.surface(paint, grain=0.02, kind=Kind.CAR, top_m=top_m, solid=cabin, visit=visit)
    scene.paint(top, roof)


class StreetPainter:
    """Marks the streets of a scene and puts cars on them."""

    def __init__(self, scene: Scene, grid: StreetGrid, *, visits: Sequence[int]) -> None:
        self.scene = scene
        self.grid = grid
        self._visits = visits
        self._white = scene.surface(WHITE, grain=0.08, kind=Kind.ROAD)
        self._yellow = scene.surface(YELLOW, grain=0.08, kind=Kind.ROAD)

    def add(self, axis: int, i: int, j: int) -> None:
        """Draw the piece of street that starts at junction (i, j), if it exists."""
        street = self.grid.street(axis, i, j)
        if street is None:
            return
        length_m = float(np.linalg.norm(street.end - street.start))
        along = (street.end - street.start) / length_m
        side = np.array([-along[1], along[0]])
        first_m, last_m = street.trim_m[0], length_m - street.trim_m[1]
        if last_m - first_m < MIN_STREET_M:
            return
        axes = np.stack([along, side])
        rng = generator(self.grid.seed, MARKINGS_SEED, axis, i, j)
        crossed = (street.trim_m[0] > 0 and rng.random() < 0.85, street.trim_m[1] > 0 and rng.random() < 0.85)
        ends_m = (first_m + 5.2 * crossed[0], last_m - 5.2 * crossed[1])
        self._surface(street, axes, (first_m, last_m), generator(self.grid.seed, SURFACE_SEED, axis, i, j))
        self._lines(street, axes, ends_m)
        for at_m, wanted in zip((first_m + 0.4, last_m - CROSSING_M - 0.4), crossed, strict=True):
            if wanted:
                self._crossing(street, axes, at_m)
        for visit in self._visits:
            rng = generator(self.grid.seed, CARS_SEED, axis, i, j, visit)
            self._cars(street, axes, ends_m, rng, visit=visit)

    def _strips(
        self, street: Street, axes: Floats, from_m: Floats, to_m: Floats, offset_m: float | Floats
    ) -> Floats:
        """Return the ends (N, 2) and (N, 2) of lines along the street, at offsets from its middle."""
        lateral = np.broadcast_to(np.asarray(offset_m, np.float64), from_m.shape)[:, None] * axes[1]
        return np.stack([street.start + m[:, None] * axes[0] + lateral for m in (from_m, to_m)])

    def _paint(self, row: int, ends: Floats, width_m: float) -> None:
        self.scene.paint(row, ribbon(ends[0], ends[1], width_m))

    def _surface(
        self, street: Street, axes: Floats, ends_m: tuple[float, float], rng: np.random.Generator
    ) -> None:
        whole = (np.array(ends_m[:1]), np.array(ends_m[1:]))
        width_m = street.width_m - 2 * KERB_GAP_M
        if rng.random() < RESURFACED:
            row = self.scene.surface(choice(SURFACES, rng), grain=0.1, kind=Kind.ROAD)
            self._paint(row, self._strips(street, axes, *whole, 0.0), width_m)
        if rng.random() < CYCLED:
            row = self.scene.surface(choice(CYCLE_LANES, rng), grain=0.06, kind=Kind.ROAD)
            for sign in (-1, 1):
                offset_m = sign * (width_m - CYCLE_LANE_M) / 2
                self._paint(row, self._strips(street, axes, *whole, offset_m), CYCLE_LANE_M)

    def _lines(self, street: Street, axes: Floats, ends_m: tuple[float, float]) -> None:
        style = self.grid.style.centre_line
        row = self._yellow if "yellow" in style else self._white
        whole = (np.array(ends_m[:1]), np.array(ends_m[1:]))
        dashes = np.arange(ends_m[0], ends_m[1] - DASH_M, DASH_M + DASH_GAP_M)
        if style == "double_yellow":
            for offset_m in (-0.22, 0.22):
                self._paint(row, self._strips(street, axes, *whole, offset_m), LINE_M)
        elif style == "solid_white" or street.avenue:
            self._paint(row, self._strips(street, axes, *whole, 0.0), LINE_M)
        else:
            self._paint(row, self._strips(street, axes, dashes, dashes + DASH_M, 0.0), LINE_M)
        if not street.avenue:
            return
        for offset_m in np.arange(LANE_M, street.width_m / 2 - LANE_M * 0.8, LANE_M):
            for sign in (-1, 1):
                strips = self._strips(street, axes, dashes, dashes + DASH_M, sign * offset_m)
                self._paint(self._white, strips, LINE_M)

    def _crossing(self, street: Street, axes: Floats, at_m: float) -> None:
        style = self.grid.style.crossing
        reach_m = street.width_m / 2 - 0.6
        if style == "lines":
            for m in (at_m + 0.3, at_m + CROSSING_M - 0.3):
                ends = street.start + m * axes[0] + np.array([[-reach_m], [reach_m]]) * axes[1]
                self._paint(self._white, ends[:, None], 0.45)
            return
        offsets = np.arange(-reach_m + STRIPE_M / 2, reach_m, 2 * STRIPE_M)
        span = np.full(len(offsets), at_m)
        self._paint(self._white, self._strips(street, axes, span, span + CROSSING_M, offsets), STRIPE_M)
        if style == "ladder":
            for m in (at_m, at_m + CROSSING_M):
                ends = street.start + m * axes[0] + np.array([[-reach_m], [reach_m]]) * axes[1]
                self._paint(self._white, ends[:, None], 0.3)

    def _cars(
        self,
        street: Street,
        axes: Floats,
        ends_m: tuple[float, float],
        rng: np.random.Generator,
        *,
        visit: int,
    ) -> None:
        def stand(m: float, offset_m: float, sign: float) -> None:
            middle = street.start + m * axes[0] + offset_m * axes[1]
            add_car(self.scene, middle, middle + sign * axes[0], rng, visit=visit)

        kerb_m = street.width_m / 2 - 1.15
        for sign in (-1.0, 1.0):
            for m in np.arange(ends_m[0] + 4, ends_m[1] - 4, 6.0):
                if rng.random() < self.grid.style.parked:
                    stand(m + rng.uniform(-0.4, 0.4), sign * kerb_m, sign)
            lane_m = LANE_M * (0.5 if street.avenue else 0.45)
            if rng.random() < (0.7 if street.avenue else 0.3):
                m = rng.uniform(ends_m[0] + 3, ends_m[1] - 3)
                stand(m, sign * lane_m, sign)
