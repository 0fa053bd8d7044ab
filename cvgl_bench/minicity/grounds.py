"""What is not built: gardens, courts, parks, squares, car parks, sports grounds, rivers, and all trees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.buildings import mixed, tinted
from cvgl_bench.minicity.plants import VARIANTS
from cvgl_bench.minicity.scene import Kind, Scene, Solid, Tree
from cvgl_bench.minicity.shapes import Plot, inset, ribbon
from cvgl_bench.minicity.style import CityStyle
from cvgl_bench.minicity.traffic import add_car

Floats = NDArray[np.float64]

TREE_FROM_KERB_M = 1.0
STALL_M = (2.6, 5.0)
"""Width and length of a parking place."""
HEDGE_M = 0.8


class Gardener:
    """Paints the ground of a block and plants it."""

    def __init__(
        self,
        scene: Scene,
        style: CityStyle,
        rng: np.random.Generator,
        cars: Mapping[int, np.random.Generator],
    ) -> None:
        self.scene = scene
        self.style = style
        self.rng = rng
        self.cars = cars
        """Draw, by the key of a visit, what stands there on that visit only."""

    def tree(self, at: Floats, *, small: bool = False) -> None:
        """Plant a tree at a position in metres."""
        rng, style = self.rng, self.style
        species = style.species[int(rng.integers(len(style.species)))]
        crown_m = rng.uniform(1.7, 2.9) if small else rng.uniform(2.2, 4.4)
        tall = {"broadleaf": 2.3, "conifer": 4.2, "palm": 4.0}[species]
        if species != "broadleaf":
            crown_m *= 0.75
        leaves = tinted(style.leaves[int(rng.integers(len(style.leaves)))], rng, 0.1)
        height_m = crown_m * tall * rng.uniform(0.85, 1.15) + 0.8
        variant = int(rng.integers(VARIANTS))
        self.scene.trees.append(Tree(float(at[0]), float(at[1]), height_m, crown_m, species, leaves, variant))

    def scatter(self, plot: Plot, per_m2: float, *, margin_m: float = 2.0, small: bool = False) -> None:
        """Plant trees at random over a plot."""
        inner = np.array([plot.width_m, plot.depth_m]) - 2 * margin_m
        if inner.min() <= 0:
            return
        for p, q in margin_m + inner * self.rng.random((self.rng.poisson(per_m2 * inner.prod()), 2)):
            self.tree(plot.at(p, q), small=small)

    def street_trees(self, kerb: Floats, half_m: Floats, spacing_m: tuple[float, float]) -> None:
        """Plant trees along the edges of a block that face a street."""
        for k in np.flatnonzero(half_m > 0):
            a, b = kerb[k], kerb[(k + 1) % 4]
            length_m = float(np.linalg.norm(b - a))
            inward = np.array([-(b - a)[1], (b - a)[0]]) / max(length_m, 1e-9)
            if np.dot(kerb.mean(0) - a, inward) < 0:
                inward = -inward
            step_m = self.rng.uniform(*spacing_m)
            for s in np.arange(6.0, length_m - 5.0, step_m):
                if self.rng.random() < self.style.trees:
                    self.tree(a + (b - a) * (s / length_m) + inward * TREE_FROM_KERB_M, small=True)

    def lawn(self, quad: Floats, *, trees: bool = True) -> None:
        """Lay grass on a quad, with a few trees."""
        grass = self.scene.surface(tinted(self.style.grass, self.rng), grain=0.22)
        self.scene.paint(grass, quad)
        if trees:
            self.scatter(Plot(quad), 0.008 * self.style.trees)

    def garden(self, lot: Plot, drive_m: float, setback_m: float, depth_m: float) -> None:
        """Lay out the lot of a detached house: drive with a car, hedge, path, perhaps a pool."""
        rng, scene = self.rng, self.scene
        self.lawn(lot.corners, trees=False)
        paved = scene.surface(tinted(mixed(self.style.pavement, (130, 126, 120), 0.5), rng), grain=0.08)
        if drive_m:
            scene.paint(paved, lot.quad(0.8, 0.8 + drive_m, 0.0, setback_m + 6.0))
            middle_m = 0.8 + drive_m / 2
            self._cars(lot.at(middle_m, setback_m + 1.5), lot.at(middle_m, 99.0), share=0.55)
        middle = lot.width_m * 0.6
        scene.paint(paved, lot.quad(middle, middle + 1.3, 0.0, setback_m))
        leaf = tinted(self.style.leaves[0], rng)
        hedge = Solid(Kind.PLAIN, rng.uniform(1.0, 1.6), leaf, mixed(leaf, (20, 30, 10), 0.25))
        if rng.random() < 0.7:
            scene.solid(lot.quad(lot.width_m - HEDGE_M, lot.width_m, 0.5, lot.depth_m), hedge, grain=0.3)
        behind = lot.plot(1.0, lot.width_m - 1.5, setback_m + depth_m + 1, lot.depth_m)
        if behind.depth_m > 7 and rng.random() < 0.25:
            pool = scene.surface((86, 178, 200), grain=0.04, kind=Kind.WATER)
            scene.paint(paved, behind.quad(1.0, 9.0, 1.0, 6.0))
            scene.paint(pool, behind.quad(1.8, 8.2, 1.8, 5.2))
        else:
            self.scatter(behind, 0.016 * self.style.trees, margin_m=1.0)
        self.scatter(
            lot.plot(drive_m + 1, lot.width_m - 1, 0.0, setback_m),
            0.02 * self.style.trees,
            margin_m=0.8,
            small=True,
        )

    def back_gardens(self, plot: Plot, depth_m: float) -> None:
        """Divide the strip behind two terraces into gardens of different upkeep."""
        self.scene.paint(self.scene.surface(tinted(self.style.pavement, self.rng), grain=0.12), plot.corners)
        steps = max(2, round(plot.width_m / 8))
        for k in range(steps):
            p0, p1 = plot.width_m * k / steps, plot.width_m * (k + 1) / steps - 0.4
            for q0, q1 in ((depth_m, plot.depth_m / 2), (plot.depth_m / 2 + 0.5, plot.depth_m - depth_m)):
                if q1 - q0 > 2 and self.rng.random() < 0.7:
                    self.lawn(plot.quad(p0, p1, q0, q1), trees=False)
        self.scatter(plot.plot(0, plot.width_m, depth_m, plot.depth_m - depth_m), 0.014 * self.style.trees)

    def court(self, plot: Plot, depth_m: float) -> None:
        """Fill the middle of a closed block: a paved yard with a green bed."""
        self.scene.paint(self.scene.surface(tinted(self.style.pavement, self.rng), grain=0.1), plot.corners)
        inner = inset(plot.corners, depth_m + 2.5)
        if inner is None:
            return
        if self.rng.random() < 0.7:
            self.lawn(inner, trees=False)
            self.scatter(Plot(inner), 0.02 * self.style.trees)
        else:
            self.car_park(Plot(inner))

    def square(self, plot: Plot, *, trees: float) -> None:
        """Pave a plot in bands, with beds and rows of trees."""
        rgb = tinted(mixed(self.style.pavement, (200, 190, 176), 0.4), self.rng)
        self.scene.paint(self.scene.surface(rgb, grain=0.05), plot.corners)
        band = self.scene.surface(mixed(rgb, (110, 106, 100), 0.45), grain=0.05)
        for p in np.arange(4.0, plot.width_m - 2, 7.0):
            self.scene.paint(band, plot.quad(p, p + 0.7, 0.6, plot.depth_m - 0.6))
        for p in np.arange(5.0, plot.width_m - 4, 9.0):
            for q in (2.5, plot.depth_m - 2.5):
                if self.rng.random() < trees:
                    self.tree(plot.at(p, q), small=True)

    def park(self, plot: Plot) -> None:
        """Lay out a park: lawns, crossing paths, a pond, many trees."""
        rng, scene = self.rng, self.scene
        self.lawn(plot.corners, trees=False)
        path = scene.surface(tinted((196, 178, 146), rng), grain=0.1)
        bend = rng.uniform(0.3, 0.7, 2)
        hub = plot.at(bend[0] * plot.width_m, bend[1] * plot.depth_m)
        for corner in plot.corners:
            scene.paint(path, ribbon(corner, hub, 2.6))
        ring = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        reach_m = min(plot.width_m, plot.depth_m)
        wobble = 1 + 0.18 * np.sin(3 * ring + rng.uniform(0, 6)) + 0.1 * np.sin(5 * ring + rng.uniform(0, 6))
        unit = np.stack([np.cos(ring), np.sin(ring)], axis=1) * wobble[:, None]
        scene.paint(path, hub + unit / wobble[:, None] * reach_m * 0.13)
        if rng.random() < 0.6:
            pond = scene.surface(tinted(self.style.water, rng), grain=0.05, kind=Kind.WATER)
            bank = scene.surface(tinted((150, 140, 110), rng), grain=0.1)
            middle = plot.at(plot.width_m * (0.75 - 0.5 * (bend[0] > 0.5)), plot.depth_m * 0.5)
            scene.paint(bank, middle + unit * (reach_m * 0.2 + 1.0))
            scene.paint(pond, middle + unit * reach_m * 0.2)
        else:
            scene.paint(scene.surface(tinted((206, 150, 120), rng), grain=0.05), hub + unit * reach_m * 0.07)
        self.scatter(plot, 0.012 * (0.4 + self.style.trees))

    def pitch(self, plot: Plot) -> None:
        """Mark out a sports ground."""
        rng, scene = self.rng, self.scene
        self.lawn(plot.corners, trees=False)
        hard = rng.random() < 0.4
        turf = tinted((176, 96, 76), rng) if hard else tinted((92, 142, 64), rng)
        inner = inset(plot.corners, 5.0)
        if inner is None:
            return
        field = Plot(inner)
        scene.paint(scene.surface(turf, grain=0.08), inner)
        stripe = scene.surface(tuple(np.array(turf) * 0.93), grain=0.08)
        for p in np.arange(0, field.width_m - 5, 10.0):
            scene.paint(stripe, field.quad(p, p + 5, 0, field.depth_m))
        line = scene.surface((226, 228, 222), grain=0.03)
        edge = inset(inner, 1.0)
        corners = inner if edge is None else edge
        scene.paint(line, ribbon(corners, np.roll(corners, -1, axis=0), 0.35))
        middle_m = field.width_m / 2
        scene.paint(line, field.quad(middle_m - 0.18, middle_m + 0.18, 1.0, field.depth_m - 1.0))
        self.scatter(plot.plot(0, plot.width_m, 0, 5), 0.02, margin_m=1.0)

    def car_park(self, plot: Plot) -> None:
        """Mark out rows of parking places and leave cars on some."""
        rng, scene = self.rng, self.scene
        scene.paint(scene.surface(tinted(self.style.asphalt, rng), grain=0.1), plot.corners)
        line = scene.surface((214, 214, 208), grain=0.03)
        width_m, length_m = STALL_M
        for q in np.arange(1.0, plot.depth_m - length_m, 2 * length_m + 1.5):
            for p in np.arange(1.5, plot.width_m - width_m, width_m):
                scene.paint(line, plot.quad(p - 0.1, p + 0.1, q, q + length_m))
                middle = p + width_m / 2
                self._cars(plot.at(middle, q + length_m / 2), plot.at(middle, q + 20), share=0.45)

    def _cars(self, middle: Floats, ahead: Floats, *, share: float) -> None:
        """Stand a car at a place on a share of the visits."""
        for visit, rng in self.cars.items():
            if rng.random() < share:
                add_car(self.scene, middle, ahead, rng, visit=visit)

    def river(self, water: Floats | None, kerb: Floats) -> None:
        """Fill a block with water behind a stone embankment."""
        self.scene.paint(self.scene.surface(tinted((158, 152, 140), self.rng), grain=0.08), kerb)
        if water is not None:
            row = self.scene.surface(self.style.water, grain=0.05, kind=Kind.WATER)
            self.scene.paint(row, water)
