"""Street View through a server with the shape of Google's."""

from __future__ import annotations

import json
import time
from functools import cache
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from cvgl_bench.data_tools.fetch.provider import Wanted
from cvgl_bench.data_tools.fetch.street import (
    KEY_VARIABLE,
    GoogleMapTiles,
    Panorama,
    id_in_name,
    parse_metadata,
)
from cvgl_bench.foundation.errors import DataError, UsageError

from .conftest import png
from .test_north import compass

PANORAMA = "CAoSLEFGMVFpcE1pZDdyZ"
NAME = f"{PANORAMA},0,51.5,-0.12,0,.jpg"
KEY = "my-google-key"


full_view = cache(compass)


class Google:
    """Answers like the Map Tiles API for one panorama, `full` px wide, whose centre looks to `heading`."""

    def __init__(self, full: int = 832, heading: float = 130.4, tile: int = 64) -> None:
        self.full, self.heading, self.tile, self.body_px = full, heading, tile, tile
        self.expires_s, self.sessions = 3600.0, 0
        self.deepest = Panorama(full, full // 2, (tile, tile), heading).deepest

    def __call__(self, method: str, path: str, body: bytes):
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if query.get("key") != KEY:
            return 403, {}, b'{"error": {"message": "API key not valid"}}'
        if parts.path == "/v1/createSession":
            assert (method, json.loads(body)["mapType"]) == ("POST", "streetview")
            self.sessions += 1
            reply = {"session": f"token{self.sessions}", "expiry": str(int(time.time() + self.expires_s))}
            return 200, {}, json.dumps(reply).encode()
        assert query["session"] == f"token{self.sessions}"
        if query["panoId"] != PANORAMA:
            return 404, {}, b"{}"
        if parts.path == "/v1/streetview/metadata":
            sizes = {"imageWidth": self.full, "imageHeight": self.full // 2}
            tiles = {"tileWidth": self.tile, "tileHeight": self.tile}
            return (
                200,
                {},
                json.dumps({"panoId": PANORAMA, "heading": self.heading, **sizes, **tiles}).encode(),
            )
        return 200, {}, self._tile(*map(int, parts.path.removeprefix("/v1/streetview/tiles/").split("/")))

    def _tile(self, z: int, x: int, y: int) -> bytes:
        """Return a tile; beyond the panorama's edge it is black, as the real ones are."""
        height, width = (-(-side // 2 ** (self.deepest - z)) for side in (self.full // 2, self.full))
        side = self.tile
        canvas = np.zeros((side * (y + 1), side * (x + 1), 3), np.uint8)
        pixels = full_view(height, width, self.heading)[: side * (y + 1), : side * (x + 1)]
        canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
        tile = canvas[side * y :, side * x :]
        step = side // self.body_px
        return png(np.ascontiguousarray(tile[::step, ::step]))


@pytest.fixture
def provider(serve, client, monkeypatch):
    """Return a provider for a Google of one's own making."""

    def make(google: Google, settings=None) -> GoogleMapTiles:
        server = serve(google)
        monkeypatch.setattr(GoogleMapTiles, "server", server.url)
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        made = GoogleMapTiles(client, settings or {})
        made.asked = server.asked
        return made

    return make


def wanted(width: int) -> Wanted:
    return Wanted(f"Aa/panorama/{NAME}", 51.5, -0.12, (width // 2, width))


@pytest.mark.parametrize(("full", "zoom"), [(832, 3), (1024, 2), (512, 2), (256, 2)])
def test_a_panorama_is_stitched_turned_and_resized(provider, full, zoom):
    google = provider(Google(full))
    image = google.image(wanted(256))
    assert image.shape == (128, 256, 3)
    assert np.abs(image[..., :2].astype(int) - compass(128, 256, 0)[..., :2]).max() <= 4
    assert {path.split("/")[4] for path in google.asked if "/tiles/" in path} == {str(zoom)}


def test_no_more_tiles_are_asked_for_than_are_needed(provider):
    google = provider(Google(832))
    google.image(wanted(256))
    assert sum("/tiles/" in path for path in google.asked) == 7 * 4
    assert google.requests(wanted(256)) > 1


def test_tiles_smaller_than_promised_are_enlarged(provider):
    server = Google(512)
    server.body_px = 32
    image = provider(server).image(wanted(256))
    assert np.abs(image[..., :2].astype(int) - compass(128, 256, 0)[..., :2]).max() <= 9


def test_one_session_serves_many_and_is_renewed_before_it_ends(provider):
    server = Google(512)
    google = provider(server)
    google.image(wanted(256))
    google.image(wanted(256))
    assert server.sessions == 1
    server.expires_s = 30
    google._ends_s = 0
    google.image(wanted(256))
    assert server.sessions > 2


def test_a_panorama_that_is_gone_is_named(provider):
    gone = NAME.replace(PANORAMA, "x" * 22)
    with pytest.raises(DataError, match=f"panorama {'x' * 22} is no longer served"):
        provider(Google(512)).image(Wanted(gone, 0, 0, (128, 256)))


def test_a_refused_key_says_what_to_do_and_not_the_key(provider, monkeypatch):
    google = provider(Google(512))
    google._key = "wrong-secret"
    with pytest.raises(
        UsageError, match="refuses the key in GOOGLE_MAPS_API_KEY .HTTP status 403."
    ) as caught:
        google.image(wanted(256))
    assert "wrong-secret" not in str(caught.value)


def test_no_key_is_said_before_the_first_file(client, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    google = GoogleMapTiles(client, {})
    assert google.requests(wanted(256)) == 9, "which needs no key"
    with pytest.raises(UsageError, match="GOOGLE_MAPS_API_KEY.*--only tiles"):
        google.require_access()


def test_a_card_cannot_choose_who_gets_the_key(provider):
    google = provider(Google(512), {"server": "https://evil.example"})
    google.image(wanted(256))
    assert all(path.startswith("/v1/") for path in google.asked)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (NAME, None),
        (f"0,{PANORAMA},51.5,-0.12,0,.jpg", None),
        (f"{'y' * 22},{PANORAMA},51.5,-0.12,0,.jpg", 1),
    ],
)
def test_the_id_is_found_in_the_name(name, field):
    assert id_in_name(name, field) == PANORAMA


@pytest.mark.parametrize(("name", "field"), [("a,b,51.123456789,-0.12,0,.jpg", None), (NAME, 1), (NAME, 9)])
def test_a_name_without_id_is_refused(name, field):
    with pytest.raises(DataError, match="panorama id"):
        id_in_name(name, field)


@pytest.mark.parametrize(
    "change",
    [
        {"heading": None},
        {"heading": "NaN"},
        {"imageWidth": 0},
        {"tileWidth": -1},
        {"imageHeight": 10**9},
        {"imageWidth": "x"},
    ],
)
def test_metadata_that_make_no_sense_are_refused(change):
    data = {"imageWidth": 512, "imageHeight": 256, "tileWidth": 128, "tileHeight": 128, "heading": 3.0}
    assert parse_metadata(json.dumps(data).encode()).heading_deg == 3
    with pytest.raises(DataError, match="panorama metadata that"):
        parse_metadata(json.dumps({**data, **change}).encode())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_metadata_that_are_none_are_refused(body):
    with pytest.raises(DataError, match="cannot be read"):
        parse_metadata(body)
