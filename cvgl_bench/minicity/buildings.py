"""One building: its walls, its roof and what stands on the roof."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.scene import ALL_EDGES, Kind, Rgb, Scene, Solid
from cvgl_bench.minicity.shapes import Plot, edge_lengths, inset
from cvgl_bench.minicity.style import CityStyle

Floats = NDArray[np.float64]

GROUND_FLOOR_M = 1.2
"""What the ground floor and the parapet add to the height of the floors."""
PAINTS = (
    (186, 92, 64), (208, 164, 74), (84, 138, 138), (190, 120, 128), (122, 148, 104), (92, 118, 164),
    (226, 214, 188),
)  # fmt: skip
"""Terracotta, ochre, teal, rose, sage, blue, cream: fronts that stand out from the city's own colours."""
PAINTED = 0.4
"""Share of the buildings in one of these."""
WALL_IN_ROOF = 0.45
"""Share of the wall's colour in the roof's: related, not equal, so that a method can learn the relation."""
MAX_PITCHED_SPAN_M = 17.0
HUE_SHARE = 0.25
"""How much of a tint's spread is a colour's own in each channel."""
PARAPET_M = 0.55
MIN_DETAIL_M = 7.0
"""A flat roof narrower than this carries nothing."""


def tinted(rgb: Rgb, rng: np.random.Generator, spread: float = 0.07) -> Rgb:
    """Return the colour, a little brighter or darker and a little off in hue."""
    all_, *each = rng.standard_normal(4).tolist()
    scales = (1 + spread * (all_ + HUE_SHARE * own) for own in each)
    red, green, blue = (min(250.0, max(8.0, c * scale)) for c, scale in zip(rgb, scales, strict=True))
    return red, green, blue


def choice(palette: tuple[Rgb, ...], rng: np.random.Generator) -> Rgb:
    """Return a tinted colour of the palette."""
    return tinted(palette[int(rng.integers(len(palette)))], rng)


def mixed(a: Rgb, b: Rgb, share_of_b: float) -> Rgb:
    """Return a colour between two."""
    red, green, blue = (x + (y - x) * share_of_b for x, y in zip(a, b, strict=True))
    return red, green, blue


class Builder:
    """Puts buildings into a scene in the style of a city."""

    def __init__(self, scene: Scene, style: CityStyle, rng: np.random.Generator) -> None:
        self.scene = scene
        self.style = style
        self.rng = rng

    def house(
        self, quad: Floats, floors: int, *, windows_on: int = ALL_EDGES, pitched: bool | None = None
    ) -> None:
        """Stand a small or middling building on the quad; the style decides on the roof unless told."""
        rng, style = self.rng, self.style
        sides = edge_lengths(quad)
        span_m = min(sides[0] + sides[2], sides[1] + sides[3]) / 2
        if pitched is None:
            pitched = rng.random() < style.pitched
        wall = self._wall()
        shop = floors > 1 and rng.random() < style.shops
        pitched = pitched and span_m < MAX_PITCHED_SPAN_M
        solid = Solid(
            Kind.BUILDING,
            top_m=floors * 3.1 + GROUND_FLOOR_M + rng.uniform(-0.3, 0.6),
            roof_rgb=mixed(choice(style.roofs, rng), wall, WALL_IN_ROOF)
            if pitched
            else tinted(wall, rng, 0.03),
            wall_rgb=wall,
            glass_rgb=tinted((74, 86, 100), rng, 0.15),
            bay_m=rng.uniform(2.4, 3.6),
            glazing=rng.uniform(0.34, 0.52),
            shop=shop,
            windows_on=windows_on,
            roof=("hip" if rng.random() < 0.45 and windows_on == ALL_EDGES else "gable")
            if pitched
            else "flat",
            pitch=rng.uniform(0.5, 0.8) if pitched else 0.0,
        )
        row = self.scene.solid(quad, solid, grain=0.1)
        if pitched:
            self._chimney(quad, solid, span_m)
        else:
            self._flat_roof(quad, solid, row, span_m)

    def tower(self, quad: Floats, floors: int) -> None:
        """Stand a tall building on the quad: glass or concrete, with a flat roof."""
        rng = self.rng
        curtain = rng.random() < 0.5
        wall = tinted((128, 146, 162), rng, 0.12) if curtain else self._wall()
        sides = edge_lengths(quad)
        solid = Solid(
            Kind.BUILDING,
            top_m=floors * 3.4 + rng.uniform(0, 3),
            roof_rgb=tinted(wall, rng, 0.04),
            wall_rgb=wall,
            glass_rgb=tinted((84, 108, 132) if curtain else (66, 78, 92), rng, 0.1),
            floor_m=3.4,
            bay_m=rng.uniform(1.6, 2.2) if curtain else rng.uniform(2.6, 3.8),
            glazing=0.82 if curtain else rng.uniform(0.4, 0.62),
            shop=bool(rng.random() < 0.4),
        )
        row = self.scene.solid(quad, solid)
        self._flat_roof(quad, solid, row, float(sides.min()))

    def hall(self, quad: Floats) -> None:
        """Stand a low, wide building on the quad: a shop, a works or a school."""
        rng = self.rng
        wall = mixed(self._wall(), (190, 190, 188), 0.4)
        solid = Solid(
            Kind.BUILDING, top_m=rng.uniform(6, 10), roof_rgb=tinted(wall, rng), wall_rgb=wall,
            floor_m=3.6, bay_m=4.5, glazing=0.5, shop=bool(rng.random() < 0.5),
        )  # fmt: skip
        row = self.scene.solid(quad, solid)
        self._flat_roof(quad, solid, row, 14.0)
        plot = Plot(quad)
        if plot.width_m < 18 or plot.depth_m < 14:
            return
        light = self.scene.surface(
            tinted((204, 212, 216), rng), grain=0.02, kind=Kind.BUILDING, top_m=solid.top_m, solid=row
        )
        for p in np.arange(6, plot.width_m - 6, 7.5):
            self.scene.paint(light, plot.quad(p, p + 2.2, 3.5, plot.depth_m - 3.5))

    def _wall(self) -> Rgb:
        """Return the colour of a front: one of the city's, or a paint of its own."""
        return choice(PAINTS if self.rng.random() < PAINTED else self.style.walls, self.rng)

    def _flat_roof(self, quad: Floats, solid: Solid, row: int, span_m: float) -> None:
        deck = inset(quad, PARAPET_M)
        if deck is None:
            return
        rng = self.rng
        rgb = mixed(choice(self.style.flat_roofs, rng), solid.wall_rgb, WALL_IN_ROOF)
        surface = self.scene.surface(rgb, grain=0.12, kind=Kind.BUILDING, top_m=solid.top_m, solid=row)
        self.scene.paint(surface, deck)
        if span_m < MIN_DETAIL_M:
            return
        plot = Plot(deck)
        for _ in range(int(rng.integers(1, 2 + int(plot.width_m * plot.depth_m / 160)))):
            p = rng.uniform(0.12, 0.7) * plot.width_m
            q = rng.uniform(0.12, 0.7) * plot.depth_m
            long_m, wide_m = rng.uniform(1.4, 4.2), rng.uniform(1.2, 2.8)
            box = plot.quad(p, min(p + long_m, plot.width_m - 0.5), q, min(q + wide_m, plot.depth_m - 0.5))
            shade = tinted((178, 178, 176), rng, 0.16)
            height_m = rng.uniform(1.0, 2.6)
            self.scene.solid(
                box, Solid(Kind.PLAIN, solid.top_m + height_m, shade, mixed(shade, (90, 90, 90), 0.3))
            )

    def _chimney(self, quad: Floats, solid: Solid, span_m: float) -> None:
        rng = self.rng
        if rng.random() > 0.6:
            return
        plot = Plot(quad)
        p, q = rng.uniform(0.2, 0.75) * plot.width_m, rng.uniform(0.35, 0.6) * plot.depth_m
        brick = mixed(solid.wall_rgb, (120, 80, 66), 0.5)
        top_m = solid.top_m + solid.pitch * span_m / 2 + 0.9
        self.scene.solid(
            plot.quad(p, p + 0.9, q, q + 0.8),
            Solid(Kind.PLAIN, top_m, mixed(brick, (40, 40, 40), 0.4), brick),
        )
