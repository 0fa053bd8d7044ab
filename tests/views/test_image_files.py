"""Which image files are opened, and how large they may be."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views import image_files
from cvgl_bench.views.image_files import ImageFault, open_image
from cvgl_bench.views.images import read_image


def encoded(kind: str, size=(16, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (1, 2, 3)).save(buffer, kind)
    return buffer.getvalue()


def png_bomb(side: int) -> bytes:
    """Return a small PNG file of side x side grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_formats_of_data_sets_are_read_whatever_the_file_is_called(tmp_path, kind):
    path = tmp_path / "image.jpg"
    path.write_bytes(encoded(kind))
    assert read_image(path).shape == (8, 16, 3)


def test_a_phone_s_jpeg_with_further_pictures_is_read(tmp_path):
    Image.new("RGB", (16, 8)).save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (4, 2))]
    )
    assert read_image(tmp_path / "a.jpg").shape == (8, 16, 3)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "EPS", "PDF", "TGA", "ICO", "PPM", "JPEG2000"])
def test_other_formats_are_refused(kind):
    with pytest.raises(ImageFault, match="is not an image of a format that is read"):
        read_image(io.BytesIO(encoded(kind)))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "is not an image of a format"),
        (b" <!DOCTYPE html>", "is a text page"),
        (b"RIFF1234WAVEfmt ", "is damaged"),
        (b"\xff\xd8\xff", "is damaged"),
        (b"II*\0", "is damaged"),
        (b"\x89PNG\r\n\x1a\n", "is damaged"),
        (encoded("PNG")[:40], "is damaged"),
        (encoded("WEBP")[:30], "is damaged"),
        (encoded("TIFF")[:-10], "is damaged"),
    ],
    ids=["nothing", "PostScript", "page", "sound", "JPEG", "TIFF", "PNG", "cut PNG", "cut WebP", "cut TIFF"],
)
def test_what_is_no_whole_image_is_named(tmp_path, data, text):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageFault, match=f"a.png {text}"):
        read_image(tmp_path / "a.png")


def test_what_is_too_large_is_refused_by_its_header():
    bomb = png_bomb(4_000)
    tracemalloc.start()
    with pytest.raises(DataError, match="has 4000 x 4000 pixels, more than the 1,000,000 that are read"):
        read_image(io.BytesIO(bomb), most_px=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_the_limit_can_be_set(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    monkeypatch.setenv("CVGL_MOST_IMAGE_PX", "128")
    assert np.all(read_image(path) == (1, 2, 3))
    monkeypatch.setenv("CVGL_MOST_IMAGE_PX", "127")
    with pytest.raises(DataError, match="a.png has 16 x 8 pixels, more than the 127 .* CVGL_MOST_IMAGE_PX"):
        read_image(path)
    monkeypatch.setenv("CVGL_MOST_IMAGE_PX", "many")
    with pytest.raises(UsageError, match="CVGL_MOST_IMAGE_PX is 'many'"):
        read_image(path)


def test_street_view_s_usual_size_is_within_the_limit_and_needs_no_warning():
    with open_image(io.BytesIO(png_bomb(10_000))) as image:
        assert image.size == (10_000, 10_000)
    assert 16_384 * 8_192 <= image_files.MOST_PX
