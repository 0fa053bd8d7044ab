"""The numbers of a grid that is known, and those published for VIGOR's real labels."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.data_tools.inspection import city_statistics, verify
from cvgl_bench.foundation import geo
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

SIDE_PX, M_PER_PX, STEP_M = 100, 0.5, 40.0
"""Tiles of 50 m, every 40 m: a fifth of each side is covered twice."""


def places(east_m, south_m):
    lat = -np.degrees(np.asarray(south_m) / geo.EARTH_RADIUS_M)
    return lat, np.degrees(np.asarray(east_m) / geo.EARTH_RADIUS_M)


def table(east_m, south_m, names):
    lat, lon = places(east_m, south_m)
    names = [f"Aa/{name}" for name in names]
    return pd.DataFrame({"path": names, "name": names, "city": "Aa", "lat": lat, "lon": lon})


@pytest.fixture
def task():
    i, j = (v.ravel() for v in np.meshgrid(np.arange(5), np.arange(4)))
    references = table(i * STEP_M, j * STEP_M, [f"t{n}" for n in range(20)]).assign(
        height_px=SIDE_PX, width_px=SIDE_PX, m_per_px=M_PER_PX
    )

    def split(name, east_m, south_m, truth, cover):
        own = np.stack([i[truth], j[truth]], axis=1) * STEP_M
        position = (np.stack([east_m, south_m], axis=1) - own) / M_PER_PX + SIDE_PX / 2
        queries = table(east_m, south_m, [f"{name}{n}" for n in range(len(truth))])
        covers = np.array(cover)[:, None]
        return Split(name, Path(), references, queries, np.array(truth), covers, position)

    train = split("train", [0, 10.0], [0, 0], [0, 0], [1, -1])
    # The second test query lies 18 m east: tile 1 begins 15 m east, and tile 5 ends 25 m away.
    test = split("test", [3.0, 18.0, 80.0], [4.0, 0, 0], [0, 0, 2], [1, 1, -1])
    splits, tile = {"same": {"train": ("Aa",), "test": ("Aa",)}}, {"size_px": (100, 100), "m_per_px": 0.5}
    card = Dataset("a", "A", "vigor", ("Aa",), splits, tile)
    return Task(card, "same", train, test, "")


def test_a_known_grid(task):
    (city,) = city_statistics(task)
    assert (city.tiles, city.train_queries, city.test_queries) == (20, 2, 3)
    assert city.tile_side_m == 50
    np.testing.assert_allclose(city.stride_m, (40, 40), atol=1e-3)
    np.testing.assert_allclose(city.overlap, (0.2, 0.2), atol=1e-4)
    np.testing.assert_allclose(city.area_km2, (4 * 40 + 50) * (3 * 40 + 50) / 1e6, rtol=0.03)
    np.testing.assert_allclose(city.training_distance_m, 8.0, rtol=1e-4)
    np.testing.assert_allclose(city.query_spacing_m, np.hypot(15, 4), rtol=1e-4)
    assert city.shared_positives == pytest.approx(2 / 3)
    np.testing.assert_allclose(city.not_covering, 1 / 3)
    np.testing.assert_allclose(city.largest_offset_px, 36)
    expected = np.array([np.hypot(6, 8), 36, 0]) / np.hypot(50, 50)
    np.testing.assert_allclose(city.decentrality["0.5"], np.median(expected))
    np.testing.assert_allclose(city.decentrality["1"], expected.max())
    assert city.decentrality_histogram == [2, 0, 1, 0, 0]


def test_what_does_not_apply_is_none(task):
    alone = Split(
        "test", Path(), task.test.references.iloc[:1], task.test.queries.iloc[:1],
        np.array([0]), np.empty((1, 0), np.int64), task.test.position_px[:1],
    )  # fmt: skip
    (city,) = city_statistics(Task(task.dataset, "same", task.train, alone, ""))
    assert city.stride_m is None and city.overlap is None
    assert city.not_covering is None and city.query_spacing_m is None


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("CVGL_SAMPLE_DATA")
    if not folder:
        pytest.skip("CVGL_SAMPLE_DATA, the folder of real sample data, is not set")
    card = next(card for card in builtin_cards() if card.name == "vigor")
    root = Path(folder) / "vigor_corrected_labels"
    return verify(card, root, cities=("NewYork", "Seattle"), images=False, layouts=KNOWN)


def test_verify_reports_what_is_known_of_vigor(real):
    assert real.passed and real.label_edition == "corrected" and real.tile_coordinate == "centre"
    new_york, seattle = real.cities
    assert (new_york.tiles, seattle.tiles) == (23_279, 20_776)
    assert (new_york.test_queries, seattle.test_queries) == (13_884, 11_875)
    assert seattle.not_covering == pytest.approx(0.395, abs=5e-4)
    assert new_york.not_covering == pytest.approx(0.022, abs=5e-4)
    for city in real.cities:
        assert city.stride_m == pytest.approx((36.48, 36.48), abs=0.01)
        assert 0.455 < city.shared_positives < 0.49
        assert 17.5 < city.training_distance_m < 19.5
        assert 0.43 < min(city.overlap) and max(city.overlap) < 0.52
    assert seattle.largest_offset_px == 183
    for city, resolution in (("NewYork", 0.113248), ("Seattle", 0.100817)):
        measured, by_card = real.m_per_px[city]
        assert by_card == resolution and measured == pytest.approx(resolution, rel=1.5e-3)


def test_the_label_editions_of_the_card_are_true_resolutions():
    """Zoom 20 at each city's latitude, which the labels' geometry confirms for two of them."""
    card = next(card for card in builtin_cards() if card.name == "vigor")
    lat = {"Chicago": 41.85, "NewYork": 40.74, "SanFrancisco": 37.77, "Seattle": 47.60}
    for city, scale in card.tile["m_per_px"]["corrected"].items():
        assert scale == pytest.approx(float(geo.metres_per_px(lat[city], 20)), rel=2e-3)


def test_cities_that_only_train_follow_those_that_test(worlds, copy):
    card, root = copy()
    task = layouts.read_task(card, "cross", root, layouts=KNOWN)
    rio, chicago = city_statistics(task)
    assert rio.city == "Rio" and (rio.train_queries, rio.test_queries) == (0, 12)
    assert rio.training_distance_m is None and rio.shared_positives == 0
    assert chicago.city == "Chicago" and (chicago.train_queries, chicago.test_queries) == (12, 0)
    assert chicago.training_distance_m is None and chicago.shared_positives is None
    assert chicago.tiles == len(task.train.references) and sum(chicago.decentrality_histogram) == 12
    assert chicago.decentrality["1"] == task.train.decentrality.max()
