"""Tile addresses, sources, and the shared store."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.fetch import xyz
from cvgl_bench.data_tools.fetch.xyz import Template, Tile, TileStore, decode, local_tiles, remote_tiles
from cvgl_bench.foundation.errors import DataError, UsageError

from .conftest import picture, png


def test_a_template_is_filled():
    assert Template("https://host/{z}/{y}/{x}.png").fill(Tile(3, 5, 6)) == "https://host/3/6/5.png"
    assert Template("https://host/{z}/{x}/{-y}").fill(Tile(3, 5, 6)) == "https://host/3/5/1"


def test_a_key_comes_from_its_own_variable(monkeypatch):
    monkeypatch.setenv("CVGL_KEY_MAPS", "s3cret")
    template = Template("https://host/{z}/{x}/{y}?token={key:MAPS}")
    assert template.fill(Tile(1, 0, 1)).endswith("?token=s3cret")
    assert template.secrets == ("s3cret",)


def test_a_key_that_is_not_set_is_named(monkeypatch):
    monkeypatch.setenv("HOME_SECRET", "x")
    with pytest.raises(UsageError, match="CVGL_KEY_HOME_SECRET is not set"):
        Template("https://host/{z}/{x}/{y}?{key:HOME_SECRET}")


@pytest.mark.parametrize(
    "text", ["https://host/{z}/{x}", "https://host/", "https://host/{z}/{x}/{y}/{s}", "{z}{y}"]
)
def test_a_template_that_cannot_work_is_refused(text):
    with pytest.raises(UsageError, match="lacks one of|does not know {s}"):
        Template(text)


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html><html>Sign in</html>", png(picture((64, 64)))[:-200], b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_image_is_refused(data):
    with pytest.raises(DataError, match=f"{len(data)} bytes that are not a whole image"):
        decode(data)


def test_an_error_page_sent_as_an_image_is_retried_then_named(serve, client, hurried):
    server = serve(lambda *request: (200, {"Content-Type": "image/png"}, b"<html>quota</html>"))
    with pytest.raises(DataError, match="not a whole image, beginning with b'<html>quota"):
        remote_tiles(Template(server.url + "/{z}/{x}/{y}"), client)(Tile(1, 0, 0))
    assert server.asked["/1/0/0"] == 3


def test_a_folder_of_tiles_is_found_by_its_pattern(tmp_path):
    (tmp_path / "18" / "7").mkdir(parents=True)
    Image.fromarray(picture((256, 256))).save(tmp_path / "18" / "7" / "9.jpg")
    assert decode(local_tiles(str(tmp_path))(Tile(18, 7, 9))).shape == (256, 256, 3)
    with pytest.raises(DataError, match="there is no tile .*8.jpg"):
        local_tiles(str(tmp_path))(Tile(18, 7, 8))


def test_a_folder_without_tiles_says_how_to_name_them(tmp_path):
    with pytest.raises(UsageError, match="holds no tiles named z/x/y.png"):
        local_tiles(str(tmp_path))


def test_a_tile_wanted_by_many_is_read_once():
    reads, ready = [], threading.Barrier(8)

    def read(tile: Tile) -> bytes:
        reads.append(tile)
        return png(picture((256, 256)))

    store = TileStore(read)

    def want(_) -> np.ndarray:
        ready.wait()
        return store.tile(Tile(1, 0, 0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(want, range(8)))
    assert reads == [Tile(1, 0, 0)]


def test_a_failure_is_not_kept():
    answers = [DataError("not now"), png(picture((256, 256)))]

    def read(tile: Tile) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    store = TileStore(read)
    with pytest.raises(DataError, match="not now"):
        store.tile(Tile(1, 0, 0))
    assert store.tile(Tile(1, 0, 0)).shape == (256, 256, 3)


def test_the_store_forgets_what_was_used_longest_ago(monkeypatch):
    data, reads = png(picture((256, 256))), []
    monkeypatch.setattr(xyz, "CACHE_BYTES", 3 * len(data))
    monkeypatch.setattr(xyz, "DECODED_TILES", 0)

    def read(tile: Tile) -> bytes:
        reads.append(tile.x)
        return data

    store = TileStore(read)
    for x in (0, 1, 2, 0, 3, 0, 1):
        store.tile(Tile(4, x, 0))
    assert reads == [0, 1, 2, 3, 1]


def test_a_tile_of_another_size_is_named():
    with pytest.raises(DataError, match="tile 1/0/0 has 512 x 512 pixels instead of 256 x 256"):
        TileStore(lambda tile: png(picture((512, 512)))).tile(Tile(1, 0, 0))


def test_grey_and_palette_tiles_become_rgb():
    buffer = io.BytesIO()
    Image.new("P", (256, 256)).save(buffer, "PNG")
    assert TileStore(lambda tile: buffer.getvalue()).tile(Tile(1, 0, 0)).shape == (256, 256, 3)
