"""A place looks the same whichever region draws it, and queries stand where a car could."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.minicity import generate
from cvgl_bench.minicity.chance import city_seed
from cvgl_bench.minicity.plan import draw_scene
from cvgl_bench.minicity.scene import Kind
from cvgl_bench.minicity.shapes import Plot, inset
from cvgl_bench.minicity.streets import StreetGrid
from cvgl_bench.minicity.style import STYLES


def tiles(root, city):
    found = {}
    for path in sorted((root / city / "satellite").iterdir()):
        with Image.open(path) as image:
            found[path.name] = np.asarray(image, int)
    return found


def test_tiles_do_not_depend_on_the_cut_into_regions(vigor_plan, vigor_root, tmp_path):
    (city,) = vigor_plan.cities
    generate(dataclasses.replace(vigor_plan, region_tiles=2, panoramas_per_city=1), tmp_path / "w", workers=1)
    whole, cut = tiles(vigor_root, city), tiles(tmp_path / "w", city)
    assert whole.keys() == cut.keys()
    differing = np.mean([np.mean(np.abs(whole[name] - cut[name]) > 8) for name in whole])
    assert differing < 0.002


def test_a_larger_world_contains_the_smaller(vigor_plan, vigor_root, tmp_path):
    (city,) = vigor_plan.cities
    larger = dataclasses.replace(vigor_plan, tiles_per_side=6, region_tiles=6, panoramas_per_city=1)
    generate(larger, tmp_path / "w", workers=1)
    small, large = tiles(vigor_root, city), tiles(tmp_path / "w", city)
    assert small.keys() <= large.keys()
    assert np.mean([np.mean(np.abs(small[name] - large[name]) > 8) for name in small]) < 0.002


@pytest.mark.parametrize("city", STYLES)
def test_every_style_draws_streets_buildings_and_trees(city):
    grid = StreetGrid(STYLES[city], city_seed(0, city))
    scene = draw_scene(grid, np.array([-150.0, -150.0]), np.array([150.0, 150.0]), [1])
    table = scene.table()
    assert np.count_nonzero(table.kind == Kind.BUILDING) > 20
    assert np.count_nonzero(table.kind == Kind.CAR) > 10
    assert len(scene.trees) > 10
    assert np.all(np.isfinite(table.corners)) and table.top_m.max() < 90


def test_buildings_keep_off_the_streets():
    grid = StreetGrid(STYLES["London"], city_seed(0, "London"))
    scene = draw_scene(grid, np.array([-120.0, -120.0]), np.array([120.0, 120.0]), [1])
    table = scene.table()
    houses = table.corners[(table.kind == Kind.BUILDING) & np.any(table.corners != 0, axis=(1, 2))]
    columns, rows = grid.window(np.array([-120.0, -120.0]), np.array([120.0, 120.0]))
    for j in rows:
        for i in columns:
            for axis in (0, 1):
                street = grid.street(axis, i, j)
                if street is None:
                    continue
                along = (street.end - street.start) / np.linalg.norm(street.end - street.start)
                offset = houses.mean(1) - street.start
                beside = offset @ along
                between = (beside > 0) & (beside < np.linalg.norm(street.end - street.start))
                across = np.abs(offset @ np.array([-along[1], along[0]]))
                assert np.all(across[between] > street.width_m / 2)


def test_inset_moves_edges_and_refuses_when_nothing_is_left():
    square = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)])
    np.testing.assert_allclose(inset(square, 2.0), square * 0.6 + 2)
    np.testing.assert_allclose(inset(square, np.array([1.0, 0, 0, 0])).min(0), (0, 1))
    np.testing.assert_allclose(inset(square[::-1], 2.0), square[::-1] * 0.6 + 2)
    assert inset(square, 5.0) is None


def test_plot_axes_follow_the_first_edge():
    plot = Plot(np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 4.0), (0.0, 4.0)]))
    assert (plot.width_m, plot.depth_m) == (10, 4)
    np.testing.assert_allclose(plot.quad(1, 3, 0, 2), [(1, 0), (3, 0), (3, 2), (1, 2)])
    assert (plot.turned().width_m, plot.turned().depth_m) == (4, 10)
