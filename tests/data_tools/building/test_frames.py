"""Pixel grids on the Earth."""

from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.data_tools.building.frames import GroundFrame, MercatorFrame
from cvgl_bench.foundation import geo


@pytest.mark.parametrize(
    "frame",
    [
        MercatorFrame(18.5, 3e7, 2e7),
        GroundFrame(60.2, 24.9, 250, 250, 0.4),
        GroundFrame(-33, 179.9999, 9, 9, 1),
    ],
)
def test_there_and_back(frame):
    x, y = np.array([0.0, 12.25, 499.0]), np.array([3.0, 250.0, 1.5])
    back = frame.to_px(*frame.to_lat_lon(x, y))
    assert np.allclose(back, (x, y), atol=1e-4)


@pytest.mark.parametrize("lat", [0.0, 40.0, 60.2, -75.0])
def test_ground_pixels_have_the_size_they_say(lat):
    frame = GroundFrame(lat, 10.0, 100, 100, 0.4)
    for dx, dy in ((50, 0), (0, 50), (30, 40)):
        place = frame.to_lat_lon(100 + dx, 100 + dy)
        assert float(geo.geodesic_m(lat, 10.0, *place)) == pytest.approx(50 * 0.4, rel=1e-4)


def test_north_is_up_and_east_is_right():
    for frame in (
        GroundFrame(50, 10, 100, 100, 1),
        MercatorFrame(18, *map(float, geo.mercator_px(50, 10, 18))),
    ):
        x, y = frame.to_px(50.001, 10.001)
        x0, y0 = frame.to_px(50, 10)
        assert x > x0 and y < y0


def test_the_frames_agree_where_their_scales_do():
    lat, lon = 48.0, 2.0
    m_per_px = float(geo.metres_per_px(lat, 18))
    ground = GroundFrame(lat, lon, 0, 0, m_per_px)
    mercator = MercatorFrame(18, *map(float, geo.mercator_px(lat, lon, 18)))
    place = lat + 0.0005, lon - 0.0005
    assert np.allclose(ground.to_px(*place), mercator.to_px(*place), rtol=0.005)
