"""Splits by blocks."""

from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.data_tools.building.blocks import split_blocks
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError

DEGREES_PER_M = 1 / 111_195


def town(count: int = 400, side_m: float = 1000, seed: int = 0):
    rng = np.random.default_rng(seed)
    north, east = rng.uniform(0, side_m, (2, count))
    return (
        48 + north * DEGREES_PER_M,
        2 + east * DEGREES_PER_M / np.cos(np.radians(48)),
        (north // 50 * 1000 + east // 50).astype(int),
    )


def split(lat, lon, tile, **changes):
    options = {"block_m": 200, "buffer_m": 50, "test_fraction": 0.5, "city": "A", **changes}
    return split_blocks(
        lat,
        lon,
        tile=tile,
        generator=np.random.default_rng(changes.pop("seed", 1)),
        **{k: v for k, v in options.items() if k != "seed"},
    )


def test_parts_are_apart_and_share_no_tile():
    lat, lon, tile = town()
    train, test = split(lat, lon, tile)
    assert not (train & test).any() and train.sum() > 40 and test.sum() > 100
    for row in np.flatnonzero(train):
        assert geo.great_circle_m(lat[row], lon[row], lat[test], lon[test]).min() > 50
    assert not set(tile[train]) & set(tile[test])


def test_a_query_that_shares_a_tile_leaves_training_even_far_away():
    lat, lon, tile = town()
    train, test = split(lat, lon, np.where(np.arange(400) % 7 == 0, -1, tile), buffer_m=0)
    assert (tile[test] >= 0).any() and not train[np.arange(400) % 7 == 0].any()


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
def test_the_test_gets_its_share(fraction):
    lat, lon, tile = town(2000, 3000)
    _, test = split(lat, lon, tile, test_fraction=fraction)
    assert fraction <= test.mean() < fraction + 0.05


def test_the_seed_decides():
    lat, lon, tile = town()
    first, again, other = (split(lat, lon, tile, seed=seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_what_cannot_be_split_says_what_to_change():
    lat, lon, tile = town(20, 40)
    with pytest.raises(DataError, match="All 20 queries of A lie in one block of 5000 m.*--block-m"):
        split(lat, lon, tile, block_m=5000)
    with pytest.raises(DataError, match="No query of A is left for training.*--buffer-m"):
        split(lat, lon, tile, block_m=20, buffer_m=5000)
