"""Plans, digests, and how a world is cut into regions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.geo import geodesic_m, metres_per_px
from cvgl_bench.minicity import MINI_DRESS, PLANS, plan_digest
from cvgl_bench.minicity.style import STYLES
from cvgl_bench.minicity.world import CityFrame, regions

ONE_CITY = dataclasses.replace(MINI_DRESS, cities=("London",), training_cities=())


@pytest.mark.parametrize("plan", [*PLANS.values(), dataclasses.replace(MINI_DRESS, tiles_per_side=37)])
def test_regions_hold_every_tile_once_and_every_panorama(plan):
    for city in plan.cities:
        mine = [region for region in regions(plan) if region.city == city]
        tiles = [(row, column) for region in mine for row in region.rows for column in region.columns]
        assert sorted(tiles) == [(r, c) for r in range(plan.side(city)) for c in range(plan.side(city))]
        assert sum(region.panoramas for region in mine) == plan.panoramas(city)
        firsts = np.cumsum([0] + [region.panoramas for region in mine])
        assert [region.first_panorama for region in mine] == firsts[:-1].tolist()


def test_a_region_never_exceeds_its_share_however_large_the_world():
    hundredfold = dataclasses.replace(ONE_CITY, tiles_per_side=160, panoramas_per_city=120_000)
    most = MINI_DRESS.region_tiles**2
    found = list(regions(hundredfold))
    assert all(len(region.rows) * len(region.columns) <= most for region in found)
    assert max(region.panoramas for region in found) <= 120_000 * most / 160**2 + 1


def test_every_parameter_changes_the_digest():
    changed = dict(
        name="other", layout="vigor", cities=(*MINI_DRESS.cities, "Seattle"), training_cities=("London",),
        tiles_per_side=8, training_tiles_per_side=9, tile_px=96, zoom=17.5, panoramas_per_city=10,
        panoramas_per_training_city=11,
        panorama_px=(64, 128), eye_m=2.5, seed=1, supersample=1, region_tiles=4,
        jpeg_quality=80, registration_m=2.0, position_m=2.0, changed=0.1,
    )  # fmt: skip
    assert set(changed) == {field.name for field in dataclasses.fields(MINI_DRESS)}
    digests = {
        plan_digest(dataclasses.replace(MINI_DRESS, **{name: value})) for name, value in changed.items()
    }
    assert len(digests | {plan_digest(MINI_DRESS)}) == len(changed) + 1
    assert plan_digest(MINI_DRESS) == plan_digest(dataclasses.replace(MINI_DRESS))


@pytest.mark.parametrize("city", STYLES)
def test_tiles_lie_at_true_latitudes_with_mercator_resolution(city):
    frame = CityFrame(dataclasses.replace(ONE_CITY, cities=(city,)), city)
    north, south = (frame.lat_lon(*frame.tile_centre_px(row, 7)) for row in (7, 8))
    expected_m = MINI_DRESS.tile_px * metres_per_px(north[0], MINI_DRESS.zoom)
    assert geodesic_m(*north, *south) == pytest.approx(expected_m, rel=0.008)
    assert geodesic_m(*north, *STYLES[city].centre) < expected_m
    assert north[0] > south[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cities": ("Londn",), "training_cities": ()},
        {"training_cities": ("Seattle",)},
        {"training_tiles_per_side": 1},
        {"layout": "cvusa"},
        {"tiles_per_side": 1},
        {"panorama_px": (128, 128)},
        {"tile_px": 110},
        {"supersample": 0},
        {"region_tiles": 0},
    ],
)
def test_wrong_plans_are_refused(wrong):
    with pytest.raises(UsageError):
        dataclasses.replace(MINI_DRESS, **wrong)


def test_a_misspelt_city_is_suggested():
    with pytest.raises(UsageError, match="Did you mean 'London'"):
        dataclasses.replace(ONE_CITY, cities=("Londn",))
