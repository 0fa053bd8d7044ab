"""Street and overhead images are two visits: nothing but the lasting city links them, nor two cities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvgl_bench.minicity.capture import APART_DEG, Capture, Changes, overhead_capture, street_capture
from cvgl_bench.minicity.chance import city_seed
from cvgl_bench.minicity.grain import grain
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.plan import draw_scene
from cvgl_bench.minicity.raster import Canvas, rasterise
from cvgl_bench.minicity.scene import Kind, Scene, Solid
from cvgl_bench.minicity.streets import StreetGrid
from cvgl_bench.minicity.style import STYLES

SEED = city_seed(0, "London")
CORNERS = np.array([-60.0, -60.0]), np.array([60.0, 60.0])
UNRELATED = 5.0
"""Standard deviations: images that share nothing stay below."""


def captures(city):
    style, seed = STYLES[city], city_seed(0, city)
    return (
        street_capture(style, seed, changed=0.04),
        overhead_capture(style, seed, changed=0.04, registration_m=1.0),
    )


def drawn(city, capture, *, share=None):
    changes = capture.changes if share is None else dataclasses.replace(capture.changes, share=share)
    grid = StreetGrid(STYLES[city], city_seed(0, city))
    visits = [seen.key for seen in captures(city)]
    return draw_scene(grid, *CORNERS, visits).found_by(dataclasses.replace(capture, changes=changes))


def cars(scene):
    table = scene.table()
    return {tuple(np.round(corners.mean(0), 2).tolist()) for corners in table.corners[table.kind == Kind.CAR]}


def lit(city, capture):
    canvas = Canvas(-250, -250, 500, 500, 0.24)
    light = Light(capture.sun_azimuth_deg, capture.sun_elevation_deg)
    seed = city_seed(0, city) + capture.key
    return rasterise(drawn(city, capture), canvas, light, seed=seed).lit[..., :3].mean(-1)


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("city", STYLES)
def test_the_two_suns_stand_apart_and_above_the_horizon(city):
    street, overhead = captures(city)
    apart = (overhead.sun_azimuth_deg - street.sun_azimuth_deg + 180) % 360 - 180
    assert abs(apart) >= APART_DEG - 1e-9
    assert 20 < overhead.sun_elevation_deg < 70
    assert max(map(abs, overhead.offset_m)) < 4.0


def test_each_visit_has_cars_of_its_own_on_the_same_streets():
    street, overhead = captures("London")
    there, then = cars(drawn("London", street)), cars(drawn("London", overhead))
    assert len(there) > 20 and len(then) > 20
    assert len(there & then) < 0.1 * len(there)


def test_what_lasts_is_the_same_on_both_visits_but_for_a_few_changes():
    street, overhead = captures("London")
    first, second = drawn("London", street, share=0.0), drawn("London", overhead, share=0.0)
    assert first.trees == second.trees and len(first.trees) > 10
    walls = [table.wall[table.kind == Kind.BUILDING] for table in (first.table(), second.table())]
    np.testing.assert_array_equal(*walls)
    changed = drawn("London", overhead, share=0.2)
    assert 0.6 * len(first.trees) < len(changed.trees) < len(first.trees)
    assert set(changed.trees) < set(first.trees)


def test_a_change_follows_from_the_place():
    changes = Changes(SEED, 0.3)
    places = np.array([(float(x), 2.5) for x in range(200)])
    stand = changes.finds_trees(places)
    np.testing.assert_array_equal(stand, changes.finds_trees(places))
    np.testing.assert_array_equal(stand[50:60], changes.finds_trees(places[50:60]))
    assert 0.6 < stand.mean() < 0.8
    turns = changes.paint(places)
    assert set(turns) == {0, 1, 2} and 0.2 < np.mean(turns > 0) < 0.4
    assert 0.3 < changes.finds_fences(places).mean() < 0.5


def test_a_visit_finds_its_own_cars_and_what_changed():
    scene = Scene((90, 90, 90), 0.0)
    square = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)])
    for x in range(100):
        scene.solid(square + (8.0 * x, 0), Solid(Kind.BUILDING, 9.0, (200, 100, 50), (180, 90, 40)))
        scene.solid(square + (8.0 * x, 8), Solid(Kind.PLAIN, 1.2, (60, 90, 40), (50, 80, 30)))
        scene.solid(square + (8.0 * x, 16), Solid(Kind.CAR, 1.4, (9, 9, 9), (9, 9, 9)), visit=1 + x % 2)
    found = scene.found_by(Capture(2, 200.0, 45.0, changes=Changes(SEED, 0.3)))
    before, table = scene.table(), found.table()
    shown = np.array([row for _, row in found.polygons])
    assert np.count_nonzero(table.kind[shown] == Kind.CAR) == 50
    assert 25 < np.count_nonzero(table.kind[shown] == Kind.PLAIN) < 65
    walls = table.wall[before.kind == Kind.BUILDING]
    assert np.count_nonzero(np.any(walls != (180, 90, 40), axis=1)) == pytest.approx(30, abs=15)
    assert np.all(np.sort(walls, axis=1) == (40, 90, 180))
    np.testing.assert_array_equal(before.wall, scene.table().wall)


def test_grain_is_the_same_in_every_rectangle_and_never_repeats():
    whole = grain(3, -700, 200, 1400, 300)
    part = grain(3, -150, 260, 200, 100)
    np.testing.assert_allclose(part, whole[60:160, 550:750], atol=1e-5)
    assert 0.7 < whole.std() < 1.2
    for shift in (128, 256, 512, 1024):
        limit = UNRELATED / np.sqrt(whole[:, shift:].size / 128)
        assert abs(correlation(whole[:, shift:], whole[:, :-shift])) < limit


@pytest.mark.parametrize("other", [("London", 2), ("Sydney", 1), ("Sydney", 2)])
def test_grain_tells_neither_the_place_nor_the_visit(other):
    city, key = other
    ours, theirs = grain(SEED + 1, 0, 0, 512, 512), grain(city_seed(0, city) + key, 0, 0, 512, 512)
    assert abs(correlation(ours, theirs)) < UNRELATED / np.sqrt(ours.size / 128)


def test_shadows_of_the_two_visits_fall_differently():
    street, overhead = captures("London")
    assert correlation(lit("London", street), lit("London", overhead)) < 0.9
