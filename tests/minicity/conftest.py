"""Small generated worlds, made once per test run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cvgl_bench.minicity import WorldPlan, generate

TINY = dict(tiles_per_side=4, tile_px=96, panoramas_per_city=16, panorama_px=(64, 128), region_tiles=2)
DRESS = WorldPlan(name="tiny-dress", layout="dress", cities=("London", "Sydney"), **TINY)
VIGOR = WorldPlan(name="tiny-vigor", layout="vigor", cities=("Seattle",), **{**TINY, "region_tiles": 4})
EXACT = dataclasses.replace(DRESS, registration_m=0.0, position_m=0.0)
"""Two captures, but no error of position: what lines up does so exactly."""


@pytest.fixture(scope="session")
def dress_plan() -> WorldPlan:
    return DRESS


@pytest.fixture(scope="session")
def vigor_plan() -> WorldPlan:
    return VIGOR


@pytest.fixture(scope="session")
def dress_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("worlds") / "dress"
    generate(DRESS, root, workers=1)
    return root


@pytest.fixture(scope="session")
def vigor_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("worlds") / "vigor"
    generate(VIGOR, root, workers=1)
    return root


@pytest.fixture(scope="session")
def exact_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("worlds") / "exact"
    generate(EXACT, root, workers=1)
    return root
