"""Training and test queries of one city: whole blocks, with a strip left out between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data_tools.inspection.nearest import nearest_m, plane_m
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.geo import mean_place

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def split_blocks(
    lat: Floats,
    lon: Floats,
    *,
    tile: NDArray[np.int64],
    block_m: float,
    buffer_m: float,
    test_fraction: float,
    generator: np.random.Generator,
    city: str,
) -> tuple[Mask, Mask]:
    """Return which queries train and which test.

    tile: (Q,) a number for each query's positive. Blocks of `block_m` go to the test in random order
    until they hold `test_fraction` of the queries; of the others those leave training that lie within
    `buffer_m` of a test query or share its positive. DataError where nothing is left to train or test.
    """
    places = plane_m(lat, lon, about=mean_place(lat, lon))
    _, block = np.unique(
        np.floor((places - places.min(axis=0)) / block_m).astype(np.int64), axis=0, return_inverse=True
    )
    block = block.reshape(-1)
    count = int(block.max()) + 1
    if count < 2:
        raise DataError(
            f"All {len(lat)} queries of {city} lie in one block of {block_m:g} m, so that they cannot be "
            "split; give a smaller --block-m."
        )
    order = generator.permutation(count)
    held = np.cumsum(np.bincount(block, minlength=count)[order])
    enough = int(np.searchsorted(held, test_fraction * len(lat))) + 1
    test = np.isin(block, order[: min(enough, count - 1)])
    near = nearest_m(places, places[test]) <= buffer_m
    train = ~test & ~near & ~np.isin(tile, tile[test])
    if not train.any():
        raise DataError(
            f"No query of {city} is left for training: all are within {buffer_m:g} m of a test query or "
            "share its tile. Give a smaller --buffer-m or --test-fraction, or larger blocks by --block-m."
        )
    return train, test
