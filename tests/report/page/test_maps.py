"""Maps: queries and tiles where they lie, and the pixels of the tiles in their places."""

import base64
import re
import shutil
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import cvgl_bench
from cvgl_bench.report.page import maps
from cvgl_bench.report.page.maps import city_maps, classes_of, dots
from cvgl_bench.report.page.mosaics import MOSAIC_PX
from cvgl_bench.report.page.pictures import PictureStock
from cvgl_bench.views.images import read_image


@pytest.fixture
def split(noise_world):
    card, root = noise_world
    return cvgl_bench.load_split(card, "same", data_root=root).test


def pixels(picture):
    return np.asarray(Image.open(BytesIO(base64.b64decode(picture.uri.partition(",")[2]))), float)


def test_a_map_shows_each_tile_in_its_place(split):
    pictures = PictureStock(10**7)
    shown = city_maps(split, pictures)
    assert [each.city for each in shown] == ["Aa", "Bb"]
    for each in shown:
        assert (each.tiles, each.drawn) == (9, 9)
        assert (each.width, each.height) == pytest.approx((1000, 1000), rel=1e-3)
        mosaic = pixels(each.mosaic)
        for row in np.flatnonzero(split.references["city"] == each.city):
            x, y = (each.tile_at[row] * MOSAIC_PX / 1000).astype(int)
            tile = read_image(split.root / split.references["path"].iloc[row]).mean(axis=(0, 1))
            assert mosaic[y - 50 : y + 50, x - 50 : x + 50].mean(axis=(0, 1)) == pytest.approx(tile, abs=6)


def test_queries_lie_in_their_true_tiles(split):
    for each in city_maps(split, PictureStock(0)):
        truth = split.truth[each.rows]
        inside = (each.at - each.tile_at[truth]) / (1000 / 3) + 0.5
        np.testing.assert_allclose(inside, split.position_px[each.rows] / 32, atol=0.01)


def test_dots_of_a_map_are_its_queries_by_what_became_of_them(split):
    rank = np.arange(len(split)) % 12
    classes = classes_of(rank)
    for each in city_maps(split, PictureStock(0)):
        drawn = {name: len(re.findall(r"M\d+ \d+h0", path)) for name, path in dots(each, classes).items()}
        own = rank[each.rows]
        assert drawn == {
            "found": np.count_nonzero(own == 0),
            "near": np.count_nonzero((own > 0) & (own < 10)),
            "beyond": np.count_nonzero(own >= 10),
        }


def test_a_scale_bar_is_round_and_fits(split):
    for each in city_maps(split, PictureStock(0)):
        assert 0.1 <= each.scale_bar_m * each.metre / each.width <= 0.25
        assert each.scale_bar_m in (1, 2, 5, 10, 20, 50)


def test_without_images_a_map_has_no_mosaic(split, tmp_path):
    pictures = PictureStock(10**7)
    shown = city_maps(replace(split, root=tmp_path), pictures)
    assert [each.mosaic for each in shown] == [None, None]
    assert "does not exist" in pictures.first_fault and pictures.unreadable == 2


def test_a_tile_that_cannot_be_read_stays_grey(split, tmp_path):
    shutil.copytree(split.root, tmp_path / "world")
    damaged = replace(split, root=tmp_path / "world")
    (damaged.root / split.references["path"].iloc[0]).write_bytes(b"no image")
    first = city_maps(damaged, PictureStock(10**7))[0]
    x, y = (first.tile_at[0] * MOSAIC_PX / 1000).astype(int)
    assert pixels(first.mosaic)[y - 40 : y + 40, x - 40 : x + 40].mean() == pytest.approx(128, abs=3)


def test_of_many_tiles_some_stand_for_those_around_them(split, monkeypatch):
    monkeypatch.setattr(maps, "MOST_TILES", 8)
    first, second = city_maps(split, PictureStock(10**7))
    assert (first.drawn, first.tiles) == (second.drawn, second.tiles) == (4, 9)
    for each in (first, second):
        mosaic, of_city = pixels(each.mosaic), split.references["city"] == each.city
        tiles = [
            read_image(split.root / path).mean(axis=(0, 1)) for path in split.references["path"][of_city]
        ]
        colours = mosaic[10 :: MOSAIC_PX // 8, 10 :: MOSAIC_PX // 8].reshape(-1, 3)
        # A pixel of noise differs from its tile's mean, but from that of grey ground by more.
        nearest = np.linalg.norm(colours[:, None] - np.array(tiles), axis=2).min(axis=1)
        assert np.median(nearest) < 15
        assert not (np.abs(colours - 128).max(axis=1) < 2).mean() > 0.1, "no part is left bare"


def test_a_city_over_the_date_line_is_one_map(split):
    lon = {"queries": split.queries["lon"], "references": split.references["lon"]}
    moved = {
        name: getattr(split, name).assign(lon=np.remainder(lon[name] - 2.0 + 360.0 - 0.0002, 360.0) - 180.0)
        for name in lon
    }
    over = city_maps(replace(split, **moved), PictureStock(0))[0]
    plain = city_maps(split, PictureStock(0))[0]
    np.testing.assert_allclose(over.at, plain.at, atol=0.5)
    assert (over.width, over.height) == pytest.approx((plain.width, plain.height), rel=1e-3)


def test_places_without_coordinates_have_no_map(split):
    nowhere = {"lat": np.nan, "lon": np.nan}
    lost = replace(
        split,
        queries=split.queries.assign(**nowhere),
        references=split.references.assign(**nowhere),
        position_px=np.full_like(split.position_px, np.nan),
    )
    assert city_maps(lost, PictureStock(0)) == []
