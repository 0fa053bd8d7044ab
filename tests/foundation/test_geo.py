import numpy as np
import pytest

from cvgl_bench.foundation import geo


def test_great_circle_of_a_quarter_of_the_equator():
    assert geo.great_circle_m(0, 0, 0, 90) == pytest.approx(np.pi / 2 * geo.EARTH_RADIUS_M)


@pytest.mark.parametrize(
    ("lat", "metres_of_a_degree_north", "metres_of_a_degree_east"),
    [(0, 110_574.3, 111_319.5), (45, 111_131.7, 78_846.8), (60, 111_412.2, 55_800.0)],
)
def test_geodesic_agrees_with_the_published_lengths_of_a_degree(
    lat, metres_of_a_degree_north, metres_of_a_degree_east
):
    # Lengths of a degree on WGS84 as tabulated by the U.S. National Geospatial-Intelligence Agency.
    step = 0.001
    north = geo.geodesic_m(lat - step / 2, 10, lat + step / 2, 10) / step
    east = geo.geodesic_m(lat, 10, lat, 10 + step) / step
    assert north == pytest.approx(metres_of_a_degree_north, abs=5)
    assert east == pytest.approx(metres_of_a_degree_east, abs=5)


def test_geodesic_crosses_the_date_line():
    assert geo.geodesic_m(10, 179.9999, 10, -179.9999) == pytest.approx(21.93, abs=0.02)


def test_geodesic_is_continuous_where_it_changes_formula():
    lon = geo.NEAR_M / 111_319.5 / np.cos(np.radians(50))
    below, above = geo.geodesic_m(50, 0, 50, lon * 0.98), geo.geodesic_m(50, 0, 50, lon * 1.02)
    assert below < above
    assert above / below == pytest.approx(1.02 / 0.98, rel=6e-3)


def test_coordinates_are_not_rounded_to_float32():
    assert geo.geodesic_m(40.7, -73.9812345, 40.7, -73.9812346) == pytest.approx(0.00845, abs=1e-4)


def test_mercator_pixels_invert():
    lat, lon = np.array([51.5, -33.9, 0.0]), np.array([-0.12, 151.2, 179.9])
    back = geo.from_mercator_px(*geo.mercator_px(lat, lon, 18), 18)
    np.testing.assert_allclose(back, (lat, lon), atol=1e-11)


def test_mercator_origin_and_direction():
    assert geo.mercator_px(0, 0, 0) == (128, 128)
    assert geo.mercator_px(10, 0, 5)[1] < geo.mercator_px(0, 0, 5)[1]


def test_metres_per_pixel_at_the_equator():
    assert geo.metres_per_px(0, 18) == pytest.approx(0.597164, abs=1e-6)


def test_metres_per_pixel_agrees_with_distances():
    lat, lon = geo.from_mercator_px([1e7, 1e7 + 1], [6e6, 6e6], 17)
    step = geo.great_circle_m(lat[0], lon[0], lat[1], lon[1]) * geo.WGS84_SEMI_MAJOR_M / geo.EARTH_RADIUS_M
    assert step == pytest.approx(geo.metres_per_px(lat[0], 17), rel=1e-6)


def test_unit_vectors_order_as_distances():
    points = geo.unit_vectors([0, 0, 0], [0, 1, 3])
    assert points[0] @ points[1] > points[0] @ points[2]
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)


def test_decentrality_is_zero_at_the_centre_and_one_at_a_corner():
    found = geo.decentrality([[10, 20], [0, 0], [20, 40], [10, 0]], [40, 20])
    np.testing.assert_allclose(found, [0, 1, 1, 20 / np.hypot(10, 20)])


def test_turns_and_means_go_over_the_date_line():
    assert geo.turn_deg([179.5, -179.5, 10.0], [-179.5, 179.5, 12.5]).tolist() == [1.0, -1.0, 2.5]
    assert geo.mean_place([1.0, 3.0], [179.0, -178.0]) == (2.0, 180.5)
    assert geo.mean_place([1.0, 3.0], [-10.0, 20.0]) == (2.0, 5.0)
