"""Labels agree with the coordinates in the names, in both layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cvgl_bench.foundation.geo import decentrality, mercator_px
from cvgl_bench.minicity.labels import SPLIT_FILES, covering_tiles, split_folder
from cvgl_bench.minicity.world import CityFrame, WorldPlan

ROUNDING_PX = 0.002


def read(root: Path, plan: WorldPlan, city: str, which: str) -> list[list[str]]:
    path = split_folder(root, plan.layout, city) / getattr(SPLIT_FILES[plan.layout], which)
    return [line.split(" ") for line in path.read_text().splitlines()]


def position_from_names(plan: WorldPlan, panorama: str, tile: str) -> np.ndarray:
    """Return x, y of the query in the tile, from nothing but the coordinates in the two names."""
    parts, stem = panorama.split(","), tile.rsplit(".", 1)[0].split("_")
    if plan.layout == "dress":
        query, centre = (parts[2], parts[3]), (stem[3], stem[2])
    else:
        query, centre = (parts[1], parts[2]), (stem[1], stem[2])
    offset = np.subtract(
        mercator_px(*map(float, query), plan.zoom), mercator_px(*map(float, centre), plan.zoom)
    )
    return plan.tile_px / 2 + offset


def position_from_label(plan: WorldPlan, a: str, b: str) -> np.ndarray:
    numbers = np.array([float(a), float(b)])
    if plan.layout == "dress":
        return numbers
    return np.array([plan.tile_px / 2 - numbers[1], plan.tile_px / 2 + numbers[0]])


@pytest.mark.parametrize("layout", ["dress", "vigor"])
def test_labels_agree_with_names(layout, request):
    plan, root = request.getfixturevalue(f"{layout}_plan"), request.getfixturevalue(f"{layout}_root")
    for city in plan.cities:
        tiles = {fields[0] for fields in read(root, plan, city, "tiles")}
        for fields in read(root, plan, city, "everything"):
            assert len(fields) == 13
            assert len(set(fields[1::3])) == 4 and set(fields[1::3]) <= tiles
            for k in range(4):
                tile, a, b = fields[1 + 3 * k : 4 + 3 * k]
                from_names = position_from_names(plan, fields[0], tile)
                np.testing.assert_allclose(position_from_label(plan, a, b), from_names, atol=ROUNDING_PX)


def test_dress_positives_contain_their_queries_at_any_decentrality(dress_plan, dress_root):
    positions = np.array(
        [
            position_from_label(dress_plan, *fields[2:4])
            for city in dress_plan.cities
            for fields in read(dress_root, dress_plan, city, "everything")
        ]
    )
    assert np.all(positions >= -ROUNDING_PX) and np.all(positions <= dress_plan.tile_px + ROUNDING_PX)
    off_centre = decentrality(positions, (dress_plan.tile_px, dress_plan.tile_px))
    assert off_centre.min() < 0.3 and off_centre.max() > 0.8


def test_vigor_positives_hold_queries_centrally_and_covers_cover(vigor_plan, vigor_root):
    (city,) = vigor_plan.cities
    for fields in read(vigor_root, vigor_plan, city, "everything"):
        positive = position_from_label(vigor_plan, *fields[2:4])
        assert np.all(np.abs(positive - vigor_plan.tile_px / 2) <= vigor_plan.tile_px / 4 + ROUNDING_PX)
        for k in range(1, 4):
            cover = position_from_label(vigor_plan, *fields[2 + 3 * k : 4 + 3 * k])
            assert np.all(np.abs(cover - vigor_plan.tile_px / 2) <= vigor_plan.tile_px / 2 + ROUNDING_PX)


def test_covering_tiles_are_the_nearest_even_at_the_edge_of_the_map(dress_plan):
    frame = CityFrame(dress_plan, "London")
    side = dress_plan.tile_px
    assert covering_tiles(frame, -1.9 * side, -1.9 * side)[0] == (0, 0)
    assert set(covering_tiles(frame, -1.9 * side, -1.9 * side)) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert set(covering_tiles(frame, 0.1 * side, 0.2 * side)) == {(2, 2), (1, 2), (2, 1), (1, 1)}
    assert covering_tiles(frame, 0.1 * side, 0.2 * side)[0] == (2, 2)


def test_train_and_test_halve_all_queries(dress_plan, dress_root):
    for city in dress_plan.cities:
        train, test, everything = (
            {fields[0] for fields in read(dress_root, dress_plan, city, which)}
            for which in ("train", "test", "everything")
        )
        assert not train & test and train | test == everything
        assert len(train) == len(test) == dress_plan.panoramas_per_city / 2
