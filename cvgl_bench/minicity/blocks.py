"""What fills a block between four streets: lots with buildings, gardens, parks, squares, water."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.buildings import Builder, choice, mixed, tinted
from cvgl_bench.minicity.chance import generator
from cvgl_bench.minicity.grounds import Gardener
from cvgl_bench.minicity.scene import Rgb, Scene
from cvgl_bench.minicity.shapes import Plot, inset, rounded
from cvgl_bench.minicity.streets import StreetGrid
from cvgl_bench.minicity.traffic import CARS_SEED

Floats = NDArray[np.float64]

KERB_M = 0.35
OVERLAP_M = 0.3
"""How far a block reaches over an edge without a street, so that no kerb shows between two blocks."""
EMBANKMENT_M = 2.5
CORNER_M = 4.5
"""Radius of the kerb at a junction."""
PAVINGS = (
    (150, 84, 68), (204, 172, 112), (84, 88, 98), (196, 118, 84), (214, 210, 202), (112, 128, 146),
    (120, 116, 92),
)  # fmt: skip
"""Brick, sandstone, slate, terracotta, granite, bluestone, cobbles: what a block is paved with."""
OWN_PAVING = 0.7
"""Share of the blocks with a paving of their own; both views show it, which tells a place from the next."""
CITY_IN_PAVING = 0.25
"""Share of the city's usual paving in the colour of such a block."""
STREET_TREE_M = (7.0, 12.0)
MIN_SIDE_M = 16.0
"""A block narrower than this is a green triangle."""
FRONT_AND_BACK = 0b0101
LOT_GAP_SHARE = 0.06
"""Chance that a lot in a closed front stays empty: a yard or a passage."""


def add_block(scene: Scene, grid: StreetGrid, i: int, j: int, *, visits: Sequence[int]) -> None:
    """Draw block (i, j) of the city into the scene, the same whatever else the scene holds.

    visits: keys of the captures, each of which has cars of its own.
    """
    corners, half_m = grid.block(i, j)
    kerb = inset(corners, half_m)
    if kerb is None:
        return
    cars = {visit: generator(grid.seed, i, j, CARS_SEED, visit) for visit in visits}
    painter = BlockPainter(scene, grid, generator(grid.seed, i, j), cars)
    painter.add(kerb, half_m, water=grid.is_river(i))


class BlockPainter:
    """Draws one block; every draw comes from the block's own generators."""

    def __init__(
        self,
        scene: Scene,
        grid: StreetGrid,
        rng: np.random.Generator,
        cars: Mapping[int, np.random.Generator],
    ) -> None:
        self.scene = scene
        self.style = replace(grid.style, pavement=_paving(grid.style.pavement, rng))
        self.rng = rng
        self.build = Builder(scene, self.style, rng)
        self.plant = Gardener(scene, self.style, rng, cars)

    def add(self, kerb: Floats, half_m: Floats, *, water: bool) -> None:
        """Draw the pavement inside the kerb (4, 2), then what the style puts on the block."""
        style, scene = self.style, self.scene
        outline = rounded(kerb, CORNER_M)
        scene.paint(scene.surface(tinted((196, 194, 188), self.rng, 0.02), grain=0.03), outline)
        paved = inset(kerb, np.where(half_m > 0, KERB_M, -OVERLAP_M))
        inner = inset(kerb, np.where(half_m > 0, style.sidewalk_m, 0.0))
        if paved is None or inner is None:
            return
        if water:
            self.plant.river(inset(kerb, np.where(half_m > 0, EMBANKMENT_M, -OVERLAP_M)), kerb)
            return
        pavement = scene.surface(tinted(style.pavement, self.rng, 0.03), grain=0.1)
        scene.paint(pavement, rounded(paved, CORNER_M))
        plot = Plot(inner)
        if min(plot.width_m, plot.depth_m) < MIN_SIDE_M:
            self.plant.lawn(inner)
            return
        if plot.depth_m > plot.width_m:
            plot = plot.turned()
        self.plant.street_trees(kerb, half_m, STREET_TREE_M)
        names = list(style.kinds)
        weights = np.array([style.kinds[name] for name in names])
        kind = names[int(self.rng.choice(len(names), p=weights / weights.sum()))]
        getattr(self, f"_{kind}")(plot)

    def _lots(self, length_m: float) -> list[tuple[float, float]]:
        low, high = self.style.lot_m
        count = max(1, round(length_m / ((low + high) / 2)))
        widths = self.rng.uniform(low, high, count)
        ends = np.concatenate([[0], np.cumsum(widths)]) * length_m / widths.sum()
        return list(zip(ends[:-1], ends[1:], strict=True))

    def _floors(self) -> int:
        return int(self.rng.integers(self.style.floors[0], self.style.floors[1] + 1))

    def _front(self, plot: Plot, from_m: float, to_m: float, depth_m: float, floors: int) -> None:
        """Line edge 0 of the plot with a closed front of buildings."""
        lots = self._lots(to_m - from_m)
        pitched = self.rng.random() < self.style.pitched
        for p0, p1 in lots:
            if self.rng.random() < LOT_GAP_SHARE and len(lots) > 2:
                continue
            back = depth_m * self.rng.uniform(0.82, 1.0)
            front = self.rng.choice([0.0, 0.0, 0.8])
            high = max(self.style.floors[0], floors + int(self.rng.integers(-1, 2)))
            quad = plot.quad(from_m + p0, from_m + p1, front, back)
            self.build.house(quad, high, windows_on=FRONT_AND_BACK, pitched=pitched)

    def _rows(self, plot: Plot) -> None:
        """Two terraces back to back, with gardens between."""
        depth_m = min(12.5, plot.depth_m * 0.36)
        self.plant.back_gardens(plot, depth_m)
        opposite = plot.turned().turned()
        for side in (plot, opposite):
            self._front(side, 0.0, plot.width_m, depth_m, self._floors())

    def _perimeter(self, plot: Plot) -> None:
        """A closed ring of buildings around a court."""
        depth_m = min(13.5, plot.depth_m * 0.32)
        self.plant.court(plot, depth_m)
        side = plot
        for turn in range(4):
            margin_m = depth_m if turn % 2 else 0.0
            if side.width_m - 2 * margin_m > self.style.lot_m[0]:
                self._front(side, margin_m, side.width_m - margin_m, depth_m, self._floors())
            side = side.turned()

    def _houses(self, plot: Plot) -> None:
        """Detached houses in gardens along the two long sides."""
        self.plant.lawn(plot.corners, trees=False)
        for side in (plot, plot.turned().turned()):
            for p0, p1 in self._lots(side.width_m):
                self._house_lot(side.plot(p0, p1, 0.0, side.depth_m * 0.5))

    def _house_lot(self, lot: Plot) -> None:
        rng = self.rng
        setback_m = rng.uniform(3.0, 6.0)
        gap_m = rng.uniform(1.2, 2.4)
        drive_m = 2.8 if lot.width_m > 12 else 0.0
        depth_m = min(rng.uniform(8.5, 12.5), lot.depth_m - setback_m - 3)
        if depth_m < 5 or lot.width_m - 2 * gap_m - drive_m < 5:
            self.plant.lawn(lot.corners)
            return
        self.plant.garden(lot, drive_m, setback_m, depth_m)
        floors = int(rng.integers(1, 3))
        walls = lot.quad(gap_m + drive_m, lot.width_m - gap_m, setback_m, setback_m + depth_m)
        self.build.house(walls, floors)

    def _towers(self, plot: Plot) -> None:
        """Tall buildings, each on a podium of its own or on a square."""
        rng = self.rng
        self.plant.square(plot, trees=0.35)
        across = max(1, round(plot.width_m / 34))
        width_m = plot.width_m / across
        for k in range(across):
            lot = plot.plot(k * width_m + 1.5, (k + 1) * width_m - 1.5, 1.0, plot.depth_m - 1.0)
            floors = int(rng.integers(self.style.tower_floors[0], self.style.tower_floors[1] + 1))
            p0, q0 = rng.uniform(0.08, 0.22) * lot.width_m, rng.uniform(0.08, 0.25) * lot.depth_m
            p1 = lot.width_m - rng.uniform(0.08, 0.22) * lot.width_m
            q1 = min(lot.depth_m - rng.uniform(0.05, 0.2) * lot.depth_m, q0 + 32)
            if rng.random() < 0.55:
                self.build.house(lot.corners, int(rng.integers(2, 4)), pitched=False)
            self.build.tower(lot.quad(p0, p1, q0, q1), floors)

    def _halls(self, plot: Plot) -> None:
        """A large low building with its yard."""
        split_m = plot.width_m * self.rng.uniform(0.52, 0.68)
        self.plant.car_park(plot.plot(split_m, plot.width_m, 0.0, plot.depth_m))
        self.build.hall(plot.quad(1.5, split_m - 2.0, 2.0, plot.depth_m - 2.0))

    def _parking(self, plot: Plot) -> None:
        self.plant.car_park(plot)

    def _park(self, plot: Plot) -> None:
        self.plant.park(plot)

    def _plaza(self, plot: Plot) -> None:
        """A square with a building in the middle of one side."""
        self.plant.square(plot, trees=0.8)
        p0, p1 = 0.3 * plot.width_m, 0.7 * plot.width_m
        self.build.house(plot.quad(p0, p1, 1.5, min(0.4 * plot.depth_m, 18)), self._floors(), pitched=True)

    def _pitch(self, plot: Plot) -> None:
        self.plant.pitch(plot)


def _paving(usual: Rgb, rng: np.random.Generator) -> Rgb:
    if rng.random() > OWN_PAVING:
        return usual
    return mixed(choice(PAVINGS, rng), usual, CITY_IN_PAVING)
