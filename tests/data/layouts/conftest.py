"""A small tiled data set without images, in either convention, with every number known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.foundation import geo

SIZE_PX = 100
M_PER_PX = 0.2
CITIES = {"Aa": (41.0, -74.0), "Bb": (-33.0, 151.0)}
PER_SIDE = 4


@dataclasses.dataclass
class Tiled:
    """A data set on disk and what its reader should find."""

    card: Dataset
    root: Path
    folder: Path
    lines: dict[str, list[list[str]]]
    """By city, the fields of each label."""
    positions: dict[str, np.ndarray]
    """By city, (L, 2) x and y in the positive."""

    def write(self, *, suffix: str = "", whole: bool = True) -> None:
        """Write the label files: even lines train, odd ones test."""
        for city, lines in self.lines.items():
            parts = {"same_area_balanced_train": lines[::2], "same_area_balanced_test": lines[1::2]}
            if whole:
                parts["pano_label_balanced"] = lines
            for stem, chosen in parts.items():
                text = "".join(" ".join(fields) + "\n" for fields in chosen)
                (self.folder / city / f"{stem}{suffix}.txt").write_text(text)


def card_of(layout: str, **changes) -> Dataset:
    cities = tuple(CITIES)
    values = dict(
        name="tiny",
        title="Tiny",
        layout=layout,
        cities=cities,
        splits={"same": {"train": cities, "test": cities}, "cross": {"train": ("Aa",), "test": ("Bb",)}},
        tile={"size_px": (SIZE_PX, SIZE_PX), "m_per_px": M_PER_PX},
        label_editions=("made",),
        access="It is made by the tests.",
    )
    return Dataset(**{**values, **changes})


def place(city: str, east_m: float, south_m: float) -> tuple[float, float]:
    """Return (lat, lon) of a point near the city's origin, by an inverse of its own."""
    lat, lon = CITIES[city]
    lat_there = lat - np.degrees(south_m / geo.EARTH_RADIUS_M)
    return lat_there, lon + np.degrees(east_m / geo.EARTH_RADIUS_M / np.cos(np.radians(lat)))


def make_tiled(root: Path, layout: str, *, scale: float = 1.0, anchor=(0.5, 0.5), folder="splits") -> Tiled:
    """Make 16 tiles and 24 labels a city; `scale` multiplies the metres a label's pixel stands for.

    Tiles touch in `dress` and overlap by half in `vigor`. anchor: the point of the tile its name gives.
    """
    generator = np.random.default_rng(5)
    side_m = SIZE_PX * M_PER_PX
    step_m = side_m if layout == "dress" else side_m / 2
    tiled = Tiled(card_of(layout), root, root / folder, {}, {})
    for city in CITIES:
        (tiled.folder / city).mkdir(parents=True)
        names = {}
        for j in range(PER_SIDE):
            for i in range(PER_SIDE):
                shift = (np.array(anchor) - 0.5) * side_m
                lat, lon = place(city, i * step_m + shift[0], j * step_m + shift[1])
                names[i, j] = (
                    f"s_18_{lon:.9f}_{lat:.9f}.jpg"
                    if layout == "dress"
                    else f"satellite_{lat:.9f}_{lon:.9f}.png"
                )
        (tiled.folder / city / "satellite_list.txt").write_text("".join(f"{n}\n" for n in names.values()))
        lines, positions = [], []
        for number in range(24):
            i, j = generator.integers(0, PER_SIDE - 1, 2)
            east, south = generator.uniform(-0.45, 0.45, 2) * step_m
            lat, lon = place(city, i * step_m + east, j * step_m + south)
            fields = [
                f"q{number},x,{lat:.9f},{lon:.9f},0,.jpg"
                if layout == "dress"
                else f"q{number},{lat:.9f},{lon:.9f},.jpg"
            ]
            for di, dj in ((0, 0), (1, 0), (0, 1), (1, 1)):
                x, y = np.array([east - di * step_m, south - dj * step_m]) / (M_PER_PX * scale)
                numbers = (x + SIZE_PX / 2, y + SIZE_PX / 2) if layout == "dress" else (y, -x)
                fields += [names[i + di, j + dj], *(f"{n:.4f}" for n in numbers)]
                if di == dj == 0:
                    positions.append([x + SIZE_PX / 2, y + SIZE_PX / 2])
            lines.append(fields)
        tiled.lines[city], tiled.positions[city] = lines, np.array(positions)
    tiled.write()
    return tiled


@pytest.fixture
def make():
    """The maker of tiled data sets."""
    return make_tiled
