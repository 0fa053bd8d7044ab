"""Overhead tiles from a tile service."""

from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.data_tools.fetch import overhead
from cvgl_bench.data_tools.fetch.overhead import XyzProvider
from cvgl_bench.data_tools.fetch.provider import Wanted
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import UsageError

URL = "https://tiles.example/{z}/{x}/{y}"


def wanted(x: float, y: float, zoom: int = 18, size: int = 64) -> Wanted:
    lat, lon = geo.from_mercator_px(x, y, zoom)
    return Wanted("Aa/satellite/a.png", float(lat), float(lon), (size, size))


def test_a_reference_is_cut_around_its_centre(serve, world, client):
    provider = XyzProvider(client, {"url": serve(world.answer).url + "/{z}/{x}/{y}", "zoom": 18.0})
    image = provider.image(wanted(world.x0 * 256 + 300, world.y0 * 256 + 400))
    assert np.array_equal(image, world.cut(268, 368, 64, 64))


def test_neighbours_share_their_requests(client, monkeypatch):
    provider = XyzProvider(client, {"url": URL, "zoom": 18})
    corner = 256 * 131_000
    assert provider.requests(wanted(corner, corner)) == 4
    assert provider.requests(wanted(corner + 10, corner)) == 0
    assert provider.requests(wanted(corner + 256, corner)) == 2
    monkeypatch.setattr(overhead, "SHARED_TILES", 2)
    assert provider.requests(wanted(corner + 10_100, corner + 99)) == 1
    assert provider.requests(wanted(corner, corner)) == 4


@pytest.mark.parametrize("zoom", [None, 18.5, -1, 25, "x"])
def test_a_zoom_that_no_service_has_is_refused(client, zoom):
    with pytest.raises(UsageError, match="not a whole number from 0 to 24"):
        XyzProvider(client, {"url": URL, "zoom": zoom})


def test_a_missing_setting_is_named(client):
    with pytest.raises(UsageError, match="needs the setting 'url'"):
        XyzProvider(client, {"zoom": 18})


def test_a_key_in_the_address_is_kept_secret(client, monkeypatch):
    monkeypatch.setenv("CVGL_KEY_T", "s3cret")
    XyzProvider(client, {"url": "https://tiles.example/{key:T}/{z}/{x}/{y}", "zoom": 18})
    assert client.shown("https://tiles.example/s3cret/1/2/3?a=b") == "https://tiles.example/***/1/2/3"
