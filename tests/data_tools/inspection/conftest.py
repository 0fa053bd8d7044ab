"""Generated worlds small enough to be damaged, in the layouts of the real data sets."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.minicity import MINI_DRESS, MINI_VIGOR, generate

CITIES = {"mini-dress": ("Chicago", "Rio"), "mini-vigor": ("Chicago", "NewYork")}
SIDE, PANORAMAS = 3, 12


def card_of(name: str) -> Dataset:
    """Return the card of a generated data set, cut down to the small world."""
    card = next(card for card in builtin_cards() if card.name == name)
    cities = CITIES[name]
    first, second = ((city,) for city in cities)
    return dataclasses.replace(
        card,
        cities=cities,
        splits={"same": {"train": cities, "test": cities}, "cross": {"train": first, "test": second}},
        tile={**card.tile, "size_px": (32, 32)},
        panorama={**card.panorama, "size_px": (16, 32)},
        counts={"tiles": 2 * SIDE**2, "queries": 2 * PANORAMAS},
    )


@pytest.fixture(scope="session")
def worlds(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("worlds")
    roots = {}
    for plan in (MINI_DRESS, MINI_VIGOR):
        small = dataclasses.replace(
            plan,
            cities=CITIES[plan.name],
            training_cities=(),
            tiles_per_side=SIDE,
            tile_px=32,
            panoramas_per_city=PANORAMAS,
            panorama_px=(16, 32),
        )
        roots[plan.name] = folder / plan.name
        generate(small, roots[plan.name], workers=1)
    return roots


@pytest.fixture
def copy(worlds, tmp_path):
    """Return a function that copies a world for damaging: (card, root)."""

    def make(name: str = "mini-dress") -> tuple[Dataset, Path]:
        shutil.copytree(worlds[name], tmp_path / name)
        return card_of(name), tmp_path / name

    return make
