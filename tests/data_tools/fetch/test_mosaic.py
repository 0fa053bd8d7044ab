"""Cropping out of a tile pyramid, against mosaics pasted together independently."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.fetch.mosaic import SNAP_PX, crop, tiles_under
from cvgl_bench.data_tools.fetch.tile_sources import Template, remote_tiles
from cvgl_bench.data_tools.fetch.xyz import Tile, TileStore
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.geo import mercator_px

from .conftest import picture, png


@pytest.fixture
def store(world) -> TileStore:
    def read(tile: Tile) -> bytes:
        file = world.file(*tile)
        if file is None:
            raise DataError(f"no tile {tile}")
        return file

    return TileStore(read)


def at(world, left: float, top: float, height: int, width: int) -> tuple[float, float]:
    """Return the world pixel in the middle of a rectangle given from the piece's corner."""
    return world.x0 * 256 + left + width / 2, world.y0 * 256 + top + height / 2


@pytest.mark.parametrize(
    ("left", "top", "size"), [(0, 0, (256, 256)), (3, 250, (224, 224)), (511, 1, (640, 333))]
)
def test_a_crop_on_whole_pixels_copies_them(world, store, left, top, size):
    image = crop(store, at(world, left, top, *size), size=size, zoom=world.zoom)
    assert np.array_equal(image, world.cut(left, top, *size))


@pytest.mark.parametrize("part", [0.5, 0.25, 0.875])
def test_a_crop_between_pixels_is_their_bilinear_mean(world, store, part):
    size = (100, 120)
    image = crop(store, at(world, 200 + part, 300 + part / 2, *size), size=size, zoom=world.zoom)
    window = world.cut(200, 300, 101, 121).astype(np.float64)
    rows = window[:-1] * (1 - part / 2) + window[1:] * (part / 2)
    mean = rows[:, :-1] * (1 - part) + rows[:, 1:] * part
    assert np.abs(image - mean).max() <= 0.5 + 1e-4


def test_noise_below_the_snap_reads_no_tile_beyond_the_edge(world, store):
    side = world.tiles * 256
    centre = at(world, 0, 0, side, side)
    image = crop(
        store, (centre[0] + SNAP_PX / 2, centre[1] - SNAP_PX / 2), size=(side, side), zoom=world.zoom
    )
    assert np.array_equal(image, world.pixels)
    with pytest.raises(DataError, match="no tile"):
        crop(store, (centre[0] + 0.01, centre[1]), size=(side, side), zoom=world.zoom)


def test_the_map_wraps_east_and_west_and_ends_north_and_south():
    store = TileStore(lambda tile: png(np.full((256, 256, 3), tile.x * 10, np.uint8)))
    image = crop(store, (0.0, 512.0), size=(2, 4), zoom=2)
    assert image[0, :, 0].tolist() == [30, 30, 0, 0]
    with pytest.raises(DataError, match="northern or southern edge"):
        crop(store, (512.0, 0.0), size=(2, 2), zoom=2)


def test_a_service_with_large_tiles_gives_the_same_pixels():
    pixels = picture((1024, 1024))

    def read_512(tile: Tile) -> bytes:
        assert tile.z == 1
        return png(pixels[tile.y * 512 : tile.y * 512 + 512, tile.x * 512 : tile.x * 512 + 512])

    def read_256(tile: Tile) -> bytes:
        assert tile.z == 2
        return png(pixels[tile.y * 256 : tile.y * 256 + 256, tile.x * 256 : tile.x * 256 + 256])

    centre, size = (500.25, 520.5), (300, 200)
    small = crop(TileStore(read_256), centre, size=size, zoom=2)
    assert np.array_equal(crop(TileStore(read_512, tile_px=512), centre, size=size, zoom=2), small)


def test_the_tiles_of_a_crop_are_named(world):
    tiles = [tile for tile, _, _ in tiles_under((256.0, 256.0), (10, 10), 3)]
    assert tiles == [Tile(3, 0, 0), Tile(3, 1, 0), Tile(3, 0, 1), Tile(3, 1, 1)]
    assert [tile for tile, _, _ in tiles_under((128.0, 128.0), (256, 256), 3)] == [Tile(3, 0, 0)]


@pytest.mark.parametrize("zoom", [19, 20, 21])
@pytest.mark.parametrize("place", ["place4", "place5"])
def test_real_tiles_from_a_server_equal_an_independent_mosaic(sample_data, serve, client, place, zoom):
    folder = sample_data / "oam_tiles" / place
    found = {tuple(map(int, re.findall(r"\d+", path.name))): path for path in folder.glob(f"*-{zoom}.png")}
    # At zoom 19 no four tiles of place4 touch: one tile is all there is to cut from.
    side = 1 if (place, zoom) == ("place4", 19) else 2
    corner = [(i, j) for i in range(side) for j in range(side)]
    squares = [(x, y) for x, y, _ in found if {(x + i, y + j, zoom) for i, j in corner} <= set(found)]
    x, y = squares[len(squares) // 2]
    mosaic = Image.new("RGB", (256 * side, 256 * side))
    for i, j in corner:
        mosaic.paste(Image.open(found[x + i, y + j, zoom]), (256 * i, 256 * j))
    height, width = 112 * side, 160 * side
    left, top = 128 * side + 7 - width // 2, 128 * side - 20 - height // 2

    def answer(method, path, body):
        z, column, row = map(int, path.strip("/").split("/"))
        return 200, {}, found[column, row, z].read_bytes()

    url = serve(answer).url + "/{z}/{x}/{y}"
    store = TileStore(remote_tiles(Template(url), client))
    for across, down in ((0.0, 0.0), (0.5, 0.5), (0.3717, 0.0), (0.1253, 0.6101)):
        middle = left + width / 2 + across, top + height / 2 + down
        lat, lon = _lat_lon(x * 256 + middle[0], y * 256 + middle[1], zoom)
        centre = tuple(map(float, mercator_px(lat, lon, zoom)))
        image = crop(store, centre, size=(height, width), zoom=zoom)
        window = np.asarray(mosaic.crop((left, top, left + width + 1, top + height + 1))).astype(np.float64)
        rows = window[:-1] * (1 - down) + window[1:] * down
        mean = rows[:, :-1] * (1 - across) + rows[:, 1:] * across
        assert np.abs(image - mean).max() <= (0 if across == down == 0 else 0.5 + 1e-6)
        if (across, down) != (0.5, 0.5):  # where many means lie between two levels, and either is right
            assert np.array_equal(image, np.floor(mean + 0.5))


def _lat_lon(x_px: float, y_px: float, zoom: int) -> tuple[float, float]:
    """Return the coordinates of a world pixel by the textbook formula."""
    world_px = 256 * 2**zoom
    lat = math.degrees(2 * math.atan(math.exp(math.pi * (1 - 2 * y_px / world_px))) - math.pi / 2)
    return lat, x_px / world_px * 360 - 180
