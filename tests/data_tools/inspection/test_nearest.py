import numpy as np
import pytest

from cvgl_bench.data_tools.inspection.nearest import nearest_m, plane_m
from cvgl_bench.foundation import geo


@pytest.mark.parametrize("spread_m", [50.0, 2_000.0, 100_000.0])
def test_the_strip_search_equals_brute_force(spread_m):
    generator = np.random.default_rng(1)
    points, others = generator.normal(0, spread_m, (700, 2)), generator.normal(0, spread_m, (900, 2))
    every = np.linalg.norm(points[:, None] - others[None], axis=2)
    np.testing.assert_allclose(nearest_m(points, others), every.min(axis=1))
    own = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(own, np.inf)
    np.testing.assert_allclose(nearest_m(points, points, skip_self=True), own.min(axis=1))


def test_points_on_the_globe_are_as_near_as_the_great_circle_says():
    generator = np.random.default_rng(3)
    lat, lon = generator.uniform(25, 49, 400), generator.uniform(-120, -70, 400)
    points = geo.unit_vectors(lat, lon) * geo.EARTH_RADIUS_M
    found = nearest_m(points, points, skip_self=True)
    every = geo.great_circle_m(lat[:, None], lon[:, None], lat, lon)
    np.fill_diagonal(every, np.inf)
    np.testing.assert_allclose(found, every.min(axis=1), rtol=1e-3)


def test_without_others_there_is_no_nearest():
    points = np.zeros((2, 2))
    assert np.isnan(nearest_m(points, np.empty((0, 2)))).all()
    assert np.isnan(nearest_m(points[:1], points[:1], skip_self=True)).all()
    assert nearest_m(points, points, skip_self=True).tolist() == [0, 0]


def test_the_plane_keeps_distances_within_a_city():
    generator = np.random.default_rng(2)
    lat, lon = 47.6 + generator.uniform(-0.05, 0.05, 50), -122.3 + generator.uniform(-0.05, 0.05, 50)
    plane = plane_m(lat, lon, about=(47.6, -122.3))
    flat = np.linalg.norm(plane[1:] - plane[:-1], axis=1)
    np.testing.assert_allclose(flat, geo.great_circle_m(lat[1:], lon[1:], lat[:-1], lon[:-1]), rtol=2e-3)
