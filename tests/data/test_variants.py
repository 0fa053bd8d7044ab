"""Variants of a task: the same views for every method, and nothing that was not asked for."""

import dataclasses

import numpy as np
import pytest
import torch

from cvgl_bench.builtins.baselines import Frozen, FrozenOptions
from cvgl_bench.data import cards, layouts
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.loading import SplitImages
from cvgl_bench.data.variants import (
    KINDS,
    PLAIN,
    UNSEEN,
    Variant,
    brighten,
    default_sweep,
    defocus,
    find_variant,
    heading_deg,
    narrow,
    recompress,
    turn,
)
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import OptionError, UnknownNameError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.running.execution import seed_everything
from cvgl_bench.views.images import read_image

from ..conftest import MeanColour

KNOWN = load_plugins([]).layouts


def card(**panorama):
    tile = {"size_px": (32, 32), "zoom": 18}
    return Dataset("x", "X", "dress", ("A",), {"same": {"train": ("A",), "test": ("A",)}}, tile, panorama)


WHOLE = card()


@pytest.fixture
def columns():
    """A panorama 360 columns wide whose red level is the azimuth of the column in steps of 2 degrees."""
    red = np.arange(360, dtype=np.uint16) // 2
    return np.repeat(np.stack([red, red, red], axis=1)[None], 180, axis=0).astype(np.uint8)


def looked_at_deg(panorama):
    """Azimuth of the centre column, clockwise from north, by the levels of `columns`."""
    return (2 * int(panorama[0, panorama.shape[1] // 2, 0]) - 180) % 360


@pytest.mark.parametrize("yaw_deg", [90, 180, 270, 44])
def test_a_camera_turned_clockwise_looks_east_of_north(columns, yaw_deg):
    turned = turn(columns, yaw_deg)
    assert looked_at_deg(columns) == 0
    assert looked_at_deg(turned) == yaw_deg
    np.testing.assert_array_equal(turn(turned, 360 - yaw_deg), columns)


@pytest.mark.parametrize(("fov_deg", "seen"), [(180, 180), (90, 90), (70, 70), (0.1, 1)])
def test_a_narrow_view_is_the_middle_and_one_colour_beside_it(columns, fov_deg, seen):
    level = np.where(columns == UNSEEN, 0, columns)
    view = narrow(level, fov_deg)
    assert view.shape == level.shape
    left = (360 - seen) // 2
    np.testing.assert_array_equal(view[:, left : left + seen], level[:, left : left + seen])
    assert (view != UNSEEN).all(axis=(0, 2)).sum() == seen
    assert not (level == UNSEEN).all(axis=2).any(), "the image it was given is left alone"


def test_views_of_random_heading_are_nested_and_follow_from_the_name(columns):
    for query in ("Aa/1.jpg", "Bb/2.jpg"):
        wide, slim = (Variant("fov-random", fov)(columns, query) for fov in (180, 70))
        turned = Variant("yaw-random")(columns, query)
        assert abs((looked_at_deg(turned) - heading_deg(query) + 180) % 360 - 180) <= 2
        np.testing.assert_array_equal(narrow(wide, 70), slim)
        np.testing.assert_array_equal(narrow(turned, 180), wide)
    assert heading_deg("Aa/1.jpg") != heading_deg("Bb/2.jpg")


def test_headings_are_uniform_and_stay_what_they_are():
    """The headings are part of the protocol: another hash would make old results incomparable."""
    assert heading_deg("Chicago/a.jpg") == pytest.approx(303.267, abs=0.001)
    counts, _ = np.histogram([heading_deg(f"City/{n}.jpg") for n in range(3600)], 36, (0, 360))
    # Chi-squared with 35 degrees of freedom exceeds 66.6 with probability 0.001.
    assert ((counts - 100) ** 2 / 100).sum() < 66.6


def test_blur_is_in_degrees_and_goes_across_the_seam():
    panorama = np.zeros((90, 360, 3), np.uint8)
    panorama[:, 0] = 255
    blurred = defocus(panorama, 2)
    assert blurred.shape == panorama.shape
    np.testing.assert_array_equal(blurred[:, 1:5], blurred[:, -1:-5:-1])
    wide = defocus(np.repeat(panorama, 2, axis=1), 2)
    level = wide[45].astype(float)[:, 0]
    offset_deg = (np.arange(720) / 2 + 180) % 360 - 180
    assert np.sqrt((level * offset_deg**2).sum() / level.sum()) == pytest.approx(2, abs=0.1)


def test_brightness_multiplies_and_stops_at_white():
    image = np.array([[[0, 100, 200]]], np.uint8)
    np.testing.assert_array_equal(brighten(image, 0.5), [[[0, 50, 100]]])
    np.testing.assert_array_equal(brighten(image, 2), [[[0, 200, 255]]])


def test_jpeg_loses_more_at_lower_quality():
    image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    errors = [np.abs(recompress(image, q).astype(int) - image).mean() for q in (95, 50, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_a_variant_is_written_as_it_is_read():
    for variant in [PLAIN, *default_sweep(WHOLE)]:
        assert find_variant(str(variant), WHOLE) == variant
    assert str(find_variant("fov:90.0", WHOLE)) == "fov:90"
    assert find_variant("blur:0.5", WHOLE).slug == "blur-0.5"
    assert {variant.name for variant in default_sweep(WHOLE)} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("fv:90", UnknownNameError, "no variant 'fv'. Did you mean 'fov'"),
        ("non", UnknownNameError, "Did you mean 'none'"),
        ("", UnknownNameError, "Known: none, yaw:DEGREES, yaw-random"),
        ("fov", OptionError, "from 1 to 359, such as 'fov:180'"),
        ("fov:wide", OptionError, "takes a number of degrees"),
        ("fov:360", OptionError, "to 359"),
        ("yaw:0", OptionError, "from 1 "),
        ("jpeg:7.5", OptionError, "a whole number of quality"),
        ("jpeg:101", OptionError, "to 100"),
        ("blur:nan", OptionError, "takes a number"),
        ("brightness:inf", OptionError, "takes a number"),
        ("yaw-random:3", OptionError, "takes no value; write 'yaw-random'"),
        ("none:3", UnknownNameError, "Known"),
    ],
)
def test_what_is_no_variant_is_refused_with_what_to_write(text, error, message):
    with pytest.raises(error, match=message):
        find_variant(text, WHOLE)


def test_photos_are_not_turned_as_panoramas_are():
    photos = card(horizontal_deg=72.5)
    with pytest.raises(OptionError, match=r"fov:60.* panoramas of 360 degrees; .* look 72.5 degrees wide"):
        find_variant("fov:60", photos)
    assert find_variant("jpeg:10", photos) == Variant("jpeg", 10)
    assert {variant.name for variant in default_sweep(photos)} == {"jpeg", "brightness"}


@pytest.fixture
def split(noise_world):
    path, root = noise_world
    return layouts.read_task(cards.read_card(path), "same", root, layouts=KNOWN).test


def test_queries_are_changed_and_references_are_not(split):
    object.__setattr__(split, "variant", Variant("fov", 90))
    images = SplitImages(split)
    seen, whole = images.query(3), read_image(split.root / split.queries["path"][3])
    np.testing.assert_array_equal(seen, narrow(whole, 90))
    tile = read_image(split.root / split.references["path"][3])
    np.testing.assert_array_equal(images.reference(3), tile)


def queries_seen(method, split, *, seed, batch_size, monkeypatch):
    """Evaluate a method and return the queries that it was given to prepare."""
    seen, prepare = [], method.prepare

    def watched(image, view):
        if view == "query":
            seen.append(image)
        return prepare(image, view)

    monkeypatch.setattr(method, "prepare", watched)
    seed_everything(seed)
    place = Place(device=torch.device("cpu"), workers=0)
    options = EvaluationOptions(embed_batch_size=batch_size)
    evaluate(method, method.build(), split, options=options, place=place)
    return np.stack(seen)


@pytest.mark.parametrize("name", ["yaw-random", "fov-random:90"])
def test_two_methods_see_the_same_views(split, name, monkeypatch):
    """Whatever they are, and whatever the seed of their run: a view follows from its query."""
    options = FrozenOptions(
        backbone="test_resnet.r160_in1k", weights="none", tile_size=(32, 32), panorama_size=(32, 64)
    )
    turned = dataclasses.replace(split, variant=find_variant(name, WHOLE))
    first = queries_seen(MeanColour(None), turned, seed=1, batch_size=4, monkeypatch=monkeypatch)
    second = queries_seen(Frozen(options), turned, seed=2, batch_size=7, monkeypatch=monkeypatch)
    plain = queries_seen(MeanColour(None), split, seed=1, batch_size=4, monkeypatch=monkeypatch)
    np.testing.assert_array_equal(first, second)
    changed = (first != plain).any(axis=(1, 2, 3))
    assert changed.mean() > 0.8, "a random heading may be less than a column"


def test_methods_see_the_variant_through_every_door(split, monkeypatch):
    """Embedding and locating read through one place."""
    from cvgl_bench.data.loading import ViewImages
    from cvgl_bench.evaluation.positions import position_errors

    class Locating(Frozen):
        """Answers the middle, and keeps what it was asked about."""

        def locate(self, network, queries, references):
            asked.append(queries)
            return torch.full((len(queries), 2), 0.5)

    asked = []
    options = {"backbone": "test_resnet.r160_in1k", "weights": "none"}
    method = Locating(FrozenOptions(tile_size=(32, 32), panorama_size=(32, 64), **options))
    plain = ViewImages(method, split, "query")[2]
    object.__setattr__(split, "variant", Variant("brightness", 0.5))
    seen = ViewImages(method, split, "query")[2]
    assert not torch.equal(seen, plain)
    position_errors(
        method,
        torch.nn.Identity(),
        split,
        retrieved=split.truth,
        device=torch.device("cpu"),
        batch_size=4,
        workers=0,
    )
    torch.testing.assert_close(asked[0][2], seen)
