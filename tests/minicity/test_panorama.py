"""Street views of drawings made by hand: headings, distances, occlusion, shadow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvgl_bench.minicity import MINI_DRESS
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.panorama import StreetCamera
from cvgl_bench.minicity.raster import Canvas, rasterise
from cvgl_bench.minicity.scene import Kind, Scene, Solid, Tree
from cvgl_bench.minicity.sky import Sky
from cvgl_bench.minicity.style import STYLES
from cvgl_bench.minicity.view import View

PLAN = dataclasses.replace(MINI_DRESS, panorama_px=(90, 180))
STYLE = STYLES["London"]
SUN_DEG = (STYLE.sun_azimuth_deg, STYLE.sun_elevation_deg)
RED, BLUE, GREY = (200, 20, 20), (20, 20, 200), (90, 90, 90)
HALF_CELLS = 400


def box(x0: float, x1: float, y0: float, y1: float) -> np.ndarray:
    """Return the corners of a box in metres east and NORTH of the camera."""
    return np.array([(x0, -y0), (x1, -y0), (x1, -y1), (x0, -y1)], float)


def empty_scene() -> Scene:
    scene = Scene(GREY, 0.0)
    scene.paint(0, box(-60.1, 60.1, -60.1, 60.1))
    return scene


def shoot(scene: Scene) -> np.ndarray:
    canvas = Canvas(-HALF_CELLS, -HALF_CELLS, 2 * HALF_CELLS, 2 * HALF_CELLS, 0.25)
    light, view = Light(*SUN_DEG), View(PLAN, STYLE)
    rasters = rasterise(scene, canvas, light, seed=1)
    camera = StreetCamera(view, Sky(view, STYLE, light, 1), light, rasters, scene.trees)
    return np.asarray(camera.shoot(0.0, 0.0, np.random.default_rng(0))).astype(int)


def block(top_m: float, rgb) -> Solid:
    return Solid(Kind.PLAIN, top_m, rgb, rgb)


def is_red(image: np.ndarray) -> np.ndarray:
    return (image[..., 0] > 2 * image[..., 1]) & (image[..., 0] > 2 * image[..., 2])


def is_blue(image: np.ndarray) -> np.ndarray:
    return (image[..., 2] > 1.7 * image[..., 0]) & (image[..., 2] > 1.7 * image[..., 1])


@pytest.mark.parametrize(
    ("corners", "azimuth_deg"),
    [
        (box(-2, 2, 18, 22), 0),
        (box(18, 22, -2, 2), 90),
        (box(-22, -18, -2, 2), -90),
        (box(13, 16, 13, 16), 45),
    ],
)
def test_what_stands_in_a_direction_is_seen_there(corners, azimuth_deg):
    scene = empty_scene()
    scene.solid(corners, block(8.0, RED))
    columns = np.flatnonzero(is_red(shoot(scene)).any(axis=0))
    width = PLAN.panorama_px[1]
    assert columns.size
    assert (columns.mean() + 0.5) / width == pytest.approx(0.5 + azimuth_deg / 360, abs=1.5 / width)


def test_north_is_in_the_centre_column():
    scene = empty_scene()
    scene.solid(box(-1.1, 1.1, 20, 24), block(8.0, RED))
    columns = np.flatnonzero(is_red(shoot(scene)).any(axis=0))
    middle = PLAN.panorama_px[1] // 2
    assert set(columns) == set(range(columns.min(), columns.max() + 1))
    assert columns.min() + columns.max() == 2 * middle - 1


def test_a_wall_has_the_height_and_width_of_its_perspective():
    scene = empty_scene()
    scene.solid(box(-10, 10, 20, 30), block(12.0, RED))
    red = is_red(shoot(scene))
    height, width = PLAN.panorama_px
    column = red[:, width // 2]
    top = np.pi / 2 - np.arctan2(12.0 - PLAN.eye_m, 20.0)
    bottom = np.pi / 2 + np.arctan2(PLAN.eye_m, 20.0)
    assert np.flatnonzero(column)[0] == pytest.approx(top / np.pi * height, abs=1)
    assert np.flatnonzero(column)[-1] + 1 == pytest.approx(bottom / np.pi * height, abs=1)
    across = np.flatnonzero(red[height // 2 - 3]).size
    assert across == pytest.approx(2 * np.arctan2(10, 20) / (2 * np.pi) * width, abs=2)


def test_the_nearer_wall_hides_the_farther():
    scene = empty_scene()
    scene.solid(box(-4, 4, 30, 34), block(6.0, BLUE))
    assert is_blue(shoot(scene)).any()
    scene.solid(box(-4, 4, 10, 14), block(6.0, RED))
    image = shoot(scene)
    assert is_red(image).any() and not is_blue(image)[PLAN.panorama_px[0] // 3 :].any()


def test_a_tower_shows_over_a_low_wall():
    scene = empty_scene()
    scene.solid(box(-4, 4, 10, 12), block(4.0, BLUE))
    scene.solid(box(-4, 4, 30, 34), block(30.0, RED))
    column = shoot(scene)[:, PLAN.panorama_px[1] // 2]
    red, blue = np.flatnonzero(is_red(column)), np.flatnonzero(is_blue(column))
    assert red.size and red.max() < blue[blue > red.min()].min()


def test_ground_lies_at_its_distance():
    scene = empty_scene()
    scene.paint(scene.surface(RED, grain=0.0), box(-1.0, 1.0, 5.0, 8.0))
    red = np.flatnonzero(is_red(shoot(scene)[:, PLAN.panorama_px[1] // 2]))
    rows = [(0.5 + np.arctan2(PLAN.eye_m, metres) / np.pi) * PLAN.panorama_px[0] for metres in (8.0, 5.0)]
    assert red.min() == pytest.approx(rows[0], abs=1.5) and red.max() + 1 == pytest.approx(rows[1], abs=1.5)


def test_trees_stand_in_their_direction_and_behind_walls():
    scene = empty_scene()
    scene.trees.append(Tree(15.0, 0.0, 8.0, 2.5, "broadleaf", RED, 0))
    image = shoot(scene)
    columns = np.flatnonzero(is_red(image).any(axis=0))
    assert columns.mean() == pytest.approx(0.75 * PLAN.panorama_px[1], abs=2)
    scene.solid(box(8, 10, -6, 6), block(12.0, BLUE))
    assert not is_red(shoot(scene)).any()


def test_shadows_fall_away_from_the_sun():
    scene = Scene((180, 180, 180), 0.0)
    scene.solid(box(-3, 3, -3, 3), block(10.0, RED))
    canvas = Canvas(-200, -200, 400, 400, 0.25)
    light = Light(*SUN_DEG)
    lit = rasterise(scene, canvas, light, seed=1).lit[..., :3].mean(-1)
    towards = light.towards_sun * 8.0 / 0.25
    sunny = lit[int(200 + towards[1]), int(200 + towards[0])]
    dark = lit[int(200 - towards[1]), int(200 - towards[0])]
    assert dark < 0.65 * sunny
    reach_m = 10.0 / light.tan_elevation
    beyond = -light.towards_sun * (reach_m + 5.0) / 0.25
    assert lit[int(200 + beyond[1]), int(200 + beyond[0])] == pytest.approx(sunny, rel=0.02)
