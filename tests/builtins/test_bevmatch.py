"""The untrained matcher finds a place by its ground, and says what it cannot use."""

import numpy as np
import pytest
import torch

from cvgl_bench.builtins.bevmatch import STEPS, BevMatch, BevMatchOptions
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.testing import check_method

TILE_PX, M_PER_PX, EYE_M = 48, 0.5, 2.0
OPTIONS = BevMatchOptions(radius_m=5, eye_m=EYE_M, detail_m=1, size=TILE_PX)


def ground(seed, side_m=80.0):
    """Return a function from metres east and north to colours: patches of two metres, as the ground is."""
    colours = np.random.default_rng(seed).integers(0, 256, (64, 64, 3))

    def colour(east_m, north_m):
        cells = (np.floor(np.stack([north_m, east_m]) / 2).astype(int)) % 64
        return colours[cells[0], cells[1]].astype(np.uint8)

    return colour


def tile(colour, west_m=0.0, south_m=0.0):
    """Return a tile of 24 m whose south-western corner is given."""
    centres = (np.arange(TILE_PX) + 0.5) * M_PER_PX
    east, north = np.meshgrid(west_m + centres, south_m + TILE_PX * M_PER_PX - centres)
    return colour(east, north)


def panorama(colour, east_m, north_m, height=256):
    """Return what a camera above flat ground sees: the azimuth of a column, the distance of a row."""
    azimuth = (np.arange(2 * height) + 0.5) / (2 * height) * 2 * np.pi - np.pi
    down = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    distance = EYE_M / np.tan(np.maximum(down, 0.05))[:, None]
    seen = colour(east_m + distance * np.sin(azimuth), north_m + distance * np.cos(azimuth))
    seen[down < 0.05] = 128
    return seen


def scores(queries, references, width_m=TILE_PX * M_PER_PX, options=OPTIONS):
    method = BevMatch(options)
    prepared = [
        torch.stack([method.prepare(image, view) for image in images])
        for images, view in ((queries, "query"), (references, "reference"))
    ]
    return method.rerank(method.build(), *prepared, torch.full((len(references),), width_m))


def test_what_arithmetic_leaves_open_is_rounded_off():
    """The same sums in another order end some 1e-7 apart; steps of 1e-5 make ties of them."""
    grounds = [ground(seed) for seed in range(4)]
    found = scores([panorama(each, 12.0, 12.0) for each in grounds], [tile(each) for each in grounds])
    steps = found.double() / STEPS
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=0.02)


def test_keeps_the_contract():
    check_method(BevMatch, OPTIONS)


@pytest.mark.parametrize("place", [(12.0, 12.0), (6.0, 17.0), (23.0, 12.0), (1.0, 1.0)])
def test_finds_the_tile_that_holds_the_camera(place):
    """In its middle, off-centre, at a border and in a corner."""
    grounds = [ground(seed) for seed in range(4)]
    found = scores([panorama(grounds[2], *place)], [tile(each) for each in grounds])
    assert int(found.argmax()) == 2, found
    others = np.delete(found[0].numpy(), 2)
    assert found[0, 2] > others.max() + 0.1


def test_knows_north_and_scale():
    colour = ground(0)
    straight, turned = tile(colour), np.rot90(tile(colour)).copy()
    query = panorama(colour, 12.0, 12.0)
    found = scores([query], [straight, turned])
    assert found[0, 0] > found[0, 1] + 0.2
    true, wrong = (float(scores([query], [straight], width_m=width)) for width in (24.0, 40.0))
    assert true > wrong + 0.2


def test_light_and_contrast_of_another_day_change_little():
    colour = ground(0)
    dim = (tile(colour) * 0.5 + 20).astype(np.uint8)
    query = panorama(colour, 12.0, 12.0)
    same, other = scores([query], [tile(colour), dim])[0].tolist()
    assert other > 0.9 * same > 0.3


def test_equal_tiles_tie_whatever_stands_beside_them():
    colour = ground(0)
    queries = [panorama(colour, *place) for place in ((12.0, 12.0), (6.0, 17.0), (20.0, 9.0))]
    several = scores(queries, [tile(colour), tile(ground(1)), tile(colour)])
    assert torch.equal(several[:, 0], several[:, 2])
    assert torch.equal(several[1:2, :1], scores(queries[1:2], [tile(colour)]))


def test_a_cut_panorama_is_refused():
    with pytest.raises(DataError, match=r"1232 x 224 pixels, is cut above and below. Take a data set"):
        BevMatch(OPTIONS).prepare(np.zeros((224, 1232, 3), np.uint8), "query")


def test_a_tile_that_is_not_square_is_refused():
    with pytest.raises(DataError, match="needs square tiles; this one has 60 x 40 pixels"):
        BevMatch(OPTIONS).prepare(np.zeros((40, 60, 3), np.uint8), "reference")


def test_an_unknown_scale_is_refused():
    with pytest.raises(DataError, match="needs the metres that a pixel of a tile is"):
        scores([panorama(ground(0), 12.0, 12.0)], [tile(ground(0))], width_m=float("nan"))


def test_a_disc_of_a_few_pixels_is_refused():
    with pytest.raises(DataError, match=r"sees 3 pixels of a tile; set a larger size"):
        scores([panorama(ground(0), 12.0, 12.0)], [tile(ground(0))], width_m=150.0)
