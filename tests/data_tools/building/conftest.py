"""Small imagery and photos to build data sets from."""

from __future__ import annotations

import csv
import io
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.building.making import make
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.fetch.client import Client, ClientOptions
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.progress import Silent

LAT, LON, ZOOM = 51.5, -0.12, 18


@contextmanager
def silent(total, title):
    yield Silent()


@pytest.fixture
def build(tmp_path):
    """Build with options; a second call with the same name goes on with the same folder."""

    def run(name: str = "mine", **options):
        with Client(ClientOptions(rate_per_s=0, tries=2), allow_private=True) as client:
            return make(BuildOptions(**options), tmp_path / name, name=name, client=client, bars=silent)

    return run


def write_csv(path: Path, header: str, rows) -> Path:
    """Write a CSV of rows of values."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Return random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture
def field(tmp_path):
    """Return options for one 256-px image at zoom 18 and sixteen photos on a raster inside it."""
    noise((256, 256)).save(tmp_path / "field.png")
    images = write_csv(tmp_path / "images.csv", "image,lat_deg,lon_deg,zoom", [("field.png", LAT, LON, ZOOM)])
    (tmp_path / "photos").mkdir()
    left, top = (float(v) - 128 for v in geo.mercator_px(LAT, LON, ZOOM))
    rows = []
    for number in range(16):
        x, y = 20 + 70 * (number % 4) + number, 24 + 66 * (number // 4)
        lat, lon = geo.from_mercator_px(left + x, top + y, ZOOM)
        noise((32, 64), seed=number).save(tmp_path / "photos" / f"p{number:02}.png")
        rows.append((f"p{number:02}.png", float(lat), float(lon), 10 * number))
    table = write_csv(tmp_path / "photos.csv", "photo,lat_deg,lon_deg,heading_deg", rows)
    return {
        "imagery": str(images),
        "photos": str(tmp_path / "photos"),
        "photo_table": str(table),
        "tile_px": 64,
        "panorama_width_px": 64,
        "block_m": 30.0,
        "buffer_m": 5.0,
    }


@pytest.fixture
def serve_map(monkeypatch):
    """Serve noise tiles, or errors while `server.broken`; return the server and its template."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            buffer = io.BytesIO()
            noise((256, 256), seed=hash(self.path) % 1000).save(buffer, "PNG", compress_level=1)
            body = b"oops" if self.server.broken else buffer.getvalue()
            self.send_response(500 if self.server.broken else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.broken = False
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server, f"http://127.0.0.1:{server.server_address[1]}/{{z}}/{{x}}/{{y}}"
    server.shutdown()
    server.server_close()
