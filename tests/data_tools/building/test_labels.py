"""Which tile a query belongs to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cvgl_bench.data_tools.building.frames import MercatorFrame
from cvgl_bench.data_tools.building.labels import label
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photos import Photo
from cvgl_bench.data_tools.building.sheets import Scale, Sheet

FRAME = MercatorFrame(18, 33_000_000, 22_000_000)
TILE = 100


def sheet(overlap: float = 0.0, rows: int = 4, columns: int = 4, city: str = "A") -> Sheet:
    stride = round(TILE * (1 - overlap))
    return Sheet(city, FRAME, Scale(18, None), (0, 0), rows, columns, (TILE, TILE), (stride, stride))


def photo(x: float, y: float, city: str | None = None) -> Photo:
    lat, lon = FRAME.to_lat_lon(x, y)
    return Photo(Path("p.jpg"), f"{x},{y}", float(lat), float(lon), 0.0, city, (1, 2))


def label_one(x: float, y: float, piece: Sheet | None = None, city: str | None = None, holes=(), **options):
    piece = piece or sheet()
    there = np.ones((piece.rows, piece.columns), bool)
    for hole in holes:
        there[hole] = False
    return label([photo(x, y, city)], [piece], there=[there], options=BuildOptions(**options))[0]


def places(found) -> list[tuple[int, int]]:
    return [(tile.row, tile.column) for tile in (found.positive, *found.semi_positives)]


def test_the_positive_is_the_tile_that_shows_the_place():
    found = label_one(130, 270)
    assert places(found) == [(2, 1)]
    assert (found.positive.x, found.positive.y) == pytest.approx((30, 70), abs=1e-5)


def test_seamless_neighbours_are_named_only_where_asked_for():
    found = label_one(130, 270, semi_rule="nearest")
    assert places(found) == [(2, 1), (2, 0), (3, 1), (3, 0)]
    assert [(round(t.x), round(t.y)) for t in found.semi_positives] == [(130, 70), (30, -30), (130, -30)]


def test_overlapping_tiles_that_show_the_place_are_semi_positives():
    found = label_one(130, 120, sheet(0.5))
    assert places(found)[0] == (1, 2)
    assert set(places(found)) == {(1, 1), (1, 2), (2, 1), (2, 2)}


@pytest.mark.parametrize(("count", "named"), [(0, 1), (1, 2), (3, 4)])
def test_so_many_semi_positives_as_asked_for(count, named):
    assert len(places(label_one(130, 120, sheet(0.5), semi_positives=count))) == named


def test_with_much_overlap_the_nearest_come_first():
    found = label_one(133, 121, sheet(0.8, rows=12, columns=12))
    offsets = [max(abs(t.x - 50), abs(t.y - 50)) for t in (found.positive, *found.semi_positives)]
    assert offsets == sorted(offsets) and offsets[0] <= 10 and offsets[-1] <= 30


def test_a_hole_gives_the_place_to_another_tile_or_none():
    assert label_one(130, 270, holes=[(2, 1)]) is None
    assert places(label_one(130, 120, sheet(0.5), holes=[(1, 2)]))[0] == (2, 2)
    assert places(
        label_one(
            250,
            250,
            sheet(0.9, rows=30, columns=30),
            holes=[(i, j) for i in range(18, 23) for j in range(18, 23)],
        )
    )


@pytest.mark.parametrize(
    ("x", "y", "has"), [(50, 50, True), (74, 50, True), (76, 50, False), (50, 24, False)]
)
def test_the_central_rule_leaves_the_rest_out(x, y, has):
    assert (label_one(x, y, positive="central") is not None) == has


def test_outside_is_outside():
    assert label_one(-1, 50) is None and label_one(50, 401) is None
    assert label_one(0.001, 0.001) is not None and label_one(399.99, 399.99) is not None


def test_a_photo_belongs_to_its_city():
    assert label_one(50, 50, city="B") is None
    two = [sheet(city="A"), sheet(city="B")]
    there = [np.ones((4, 4), bool)] * 2
    found = label(
        [photo(50, 50, "B"), photo(50, 50, "A"), photo(50, 50)], two, there=there, options=BuildOptions()
    )
    assert [item.positive.sheet for item in found] == [1, 0, 0]


def test_many_photos_are_labelled_at_once():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 400, (500, 2))
    found = label(
        [photo(x, y) for x, y in points], [sheet()], there=[np.ones((4, 4), bool)], options=BuildOptions()
    )
    expected = [(int(y // TILE), int(x // TILE)) for x, y in points]
    assert [(item.positive.row, item.positive.column) for item in found] == expected
