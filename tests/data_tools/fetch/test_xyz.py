"""Tile addresses, sources, and the shared store."""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.fetch import xyz
from cvgl_bench.data_tools.fetch.client import Missing
from cvgl_bench.data_tools.fetch.tile_sources import (
    Template,
    local_tile_px,
    local_tiles,
    remote_tiles,
    require_zoom,
)
from cvgl_bench.data_tools.fetch.xyz import Tile, TileStore, decode
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
    with pytest.raises(Missing, match="there is no tile .*18/7/8"):
        local_tiles(str(tmp_path))(Tile(18, 7, 8))


def test_the_files_of_a_folder_may_be_of_several_formats(tmp_path):
    column = tmp_path / "18" / "7"
    column.mkdir(parents=True)
    for y, suffix in enumerate((".png", ".jpg", ".JPEG", ".webp", ".tif")):
        Image.fromarray(picture((256, 256), seed=y)).save(column / f"{y}{suffix}")
    (column / "._5.png").write_bytes(b"of another system")
    (column / "5.txt").write_text("notes")
    read = local_tiles(str(tmp_path))
    for y in range(5):
        assert np.abs(decode(read(Tile(18, 7, y))).astype(int) - picture((256, 256), seed=y)).mean() < 8
    with pytest.raises(Missing, match="there is no tile .*18/7/5"):
        read(Tile(18, 7, 5))


def test_two_files_of_one_tile_are_named(tmp_path):
    (tmp_path / "18" / "7").mkdir(parents=True)
    for name in ("9.jpg", "9.png"):
        Image.fromarray(picture((256, 256))).save(tmp_path / "18" / "7" / name)
    with pytest.raises(DataError, match="7 holds 9.jpg and 9.png, which are one tile; remove all but one"):
        local_tiles(str(tmp_path))(Tile(18, 7, 9))


def test_the_side_of_local_tiles_is_seen(tmp_path):
    (tmp_path / "17" / "7").mkdir(parents=True)
    file = tmp_path / "17" / "7" / "9.png"
    pattern = str(tmp_path / "{z}" / "{x}" / "{y}.png")
    for side in (256, 512):
        Image.new("RGB", (side, side)).save(file)
        assert local_tile_px(str(tmp_path)) == local_tile_px(pattern) == side
    Image.new("RGB", (300, 300)).save(file)
    with pytest.raises(DataError, match="9.png has 300 x 300 pixels; a tile has 256 x 256, or 512 x 512"):
        local_tile_px(str(tmp_path))


def test_a_zoom_that_a_folder_does_not_have_is_named_with_those_that_it_has(tmp_path):
    (tmp_path / "17").mkdir()
    require_zoom(str(tmp_path), 17, tile_px=256)
    require_zoom(str(tmp_path), 18, tile_px=512)
    with pytest.raises(UsageError, match="in the folders 17, whose pixels are those of zoom 18, and none"):
        require_zoom(str(tmp_path), 17, tile_px=512)


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


@pytest.mark.parametrize(
    ("size", "text"),
    [((512, 512), "512 x 512 pixels instead of 256 x 256; say so by --source-tile-px 512"),
     ((300, 400), "400 x 300 pixels instead of 256 x 256$")],
)  # fmt: skip
def test_a_tile_of_another_size_is_named(size, text):
    with pytest.raises(DataError, match=f"tile 1/0/0 has {text}"):
        TileStore(lambda tile: png(picture(size))).tile(Tile(1, 0, 0))


def test_tiles_have_a_side_that_fits_the_pyramid():
    with pytest.raises(UsageError, match="Tiles of 300 pixels a side"):
        TileStore(lambda tile: b"", tile_px=300)


@pytest.mark.parametrize("size", [(1, 1), (10, 10), (128, 128)])
def test_a_small_picture_stands_for_no_imagery(size):
    with pytest.raises(Missing, match="which stands for no imagery"):
        TileStore(lambda tile: png(picture(size))).tile(Tile(1, 0, 0))


def test_a_transparent_tile_is_no_imagery_and_one_with_a_gap_is():
    clear = np.zeros((256, 256, 4), np.uint8)
    with pytest.raises(Missing, match="transparent"):
        TileStore(lambda tile: png(clear)).tile(Tile(1, 0, 0))
    clear[9, 9] = 7, 7, 7, 255
    assert TileStore(lambda tile: png(clear)).tile(Tile(1, 0, 0))[9, 9].tolist() == [7, 7, 7]


@pytest.mark.parametrize("answer", [(204, {}, b""), (404, {}, b""), (410, {}, b"no"), (200, {}, b"")])
def test_servers_say_in_several_ways_that_there_is_no_tile(serve, client, answer):
    server = serve(lambda *request: answer)
    with pytest.raises(Missing):
        remote_tiles(Template(server.url + "/{z}/{x}/{y}"), client)(Tile(1, 0, 0))
    assert server.asked["/1/0/0"] == 1


def test_a_tile_that_stands_for_gigabytes_is_refused_by_its_header(serve, client, hurried):
    bomb = png(np.zeros((4000, 4000), np.uint8))
    server = serve(lambda *request: (200, {}, bomb))
    with pytest.raises(DataError, match="a picture that has 4000 x 4000 pixels, more than the 4,194,304"):
        remote_tiles(Template(server.url + "/{z}/{x}/{y}"), client)(Tile(1, 0, 0))


def test_a_picture_that_comes_for_several_tiles_is_spoken_of():
    same = png(picture((256, 256)))
    other = [png(picture((256, 256), seed=seed)) for seed in range(1, 3)]
    store = TileStore(lambda tile: same if tile.x < 5 else other[tile.x - 5])
    for x in (0, 0, 1, 5, 6):
        store.tile(Tile(4, x, 0))
    assert store.remarks() == [], "two alike are no pattern"
    for x in (2, 3):
        store.tile(Tile(4, x, 0))
    (remark,) = store.remarks()
    fingerprint = hashlib.sha256(same).hexdigest()[:16]
    assert remark.startswith("4 tiles are one and the same picture, the first 4/0/0; ")
    assert remark.endswith(f"begin anew with --placeholders {fingerprint}")


def test_a_placeholder_is_no_imagery():
    same = png(picture((256, 256)))
    digest = hashlib.sha256(same).hexdigest()
    for text in (digest, digest[:16].upper()):
        with pytest.raises(Missing, match=f"tile 4/0/0 is the placeholder {digest[:16]}"):
            TileStore(lambda tile: same, placeholders=[text]).tile(Tile(4, 0, 0))
    with pytest.raises(UsageError, match="'grey' is not the SHA-256 of a file"):
        TileStore(lambda tile: same, placeholders=["grey"])


def test_grey_and_palette_tiles_become_rgb():
    buffer = io.BytesIO()
    Image.new("P", (256, 256)).save(buffer, "PNG")
    assert TileStore(lambda tile: buffer.getvalue()).tile(Tile(1, 0, 0)).shape == (256, 256, 3)
