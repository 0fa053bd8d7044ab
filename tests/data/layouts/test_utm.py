import numpy as np

from cvgl_bench.data.layouts.utm import from_utm


def test_a_published_point():
    """The CN Tower: 43 38' 33.24" N, 79 23' 13.7" W is 17N 630084 4833438, to the metre."""
    lat, lon = from_utm(630084, 4833438, zone=17, southern=False)
    np.testing.assert_allclose([lat, lon], [43.642567, -79.387139], atol=1e-5)


def test_the_central_meridian_and_the_equator():
    np.testing.assert_allclose(from_utm(500_000, 0, zone=31, southern=False), [0, 3], atol=1e-12)
    np.testing.assert_allclose(from_utm(500_000, 10_000_000, zone=55, southern=True), [0, 147], atol=1e-12)


def test_hemispheres_mirror():
    north = from_utm(690_000, 3_900_000, zone=55, southern=False)
    south = from_utm(690_000, 6_100_000, zone=55, southern=True)
    np.testing.assert_allclose(north[0], -south[0], atol=1e-10)
    np.testing.assert_allclose(north[1], south[1], atol=1e-10)


def test_the_meridian_arc_is_that_of_the_ellipsoid():
    """Along the central meridian a northing is the scaled length of the meridian, here integrated."""
    e2, a = 0.006_694_379_990_14, 6_378_137.0
    lat = np.radians(np.linspace(0, 40, 200_001))
    radius = a * (1 - e2) / (1 - e2 * np.sin(lat) ** 2) ** 1.5
    arc_m = np.trapezoid(radius, lat)
    found, _ = from_utm(500_000, 0.9996 * arc_m, zone=31, southern=False)
    np.testing.assert_allclose(found, 40, atol=1e-8)
