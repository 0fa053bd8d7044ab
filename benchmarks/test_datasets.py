"""Reading, checking and fetching data sets at their real size: `pytest benchmarks/test_datasets.py`."""

import io
import multiprocessing
import os
import resource
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.data_tools.fetch.client import Client, ClientOptions
from cvgl_bench.data_tools.fetch.download import download
from cvgl_bench.data_tools.fetch.overhead import XyzProvider
from cvgl_bench.data_tools.fetch.provider import Wanted
from cvgl_bench.data_tools.inspection.image_files import Listed, check_images
from cvgl_bench.data_tools.inspection.problems import Verification
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.progress import Silent
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

CITIES = ("NewYork", "Seattle")
FILES = 50_000
CONNECTIONS, REQUESTS, ANSWER_S = 50, 1500, 0.2
READ_LIMIT_S, READ_LIMIT_MB, CHECK_LIMIT_S, LEAST_BUSY = 1.0, 200, 30.0, 0.7


def test_reading_real_labels(capsys):
    """VIGOR's real label files of New York and Seattle: 51,520 labels, 44,055 tiles."""
    folder = os.environ.get("CVGL_SAMPLE_DATA")
    if not folder:
        pytest.skip("CVGL_SAMPLE_DATA, the folder of real sample data, is not set")
    card = next(card for card in builtin_cards() if card.name == "vigor")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    layouts.read_task(card, "same", Path(folder) / "vigor_corrected_labels", cities=CITIES, layouts=KNOWN)
    seconds = time.process_time() - began
    added_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    with capsys.disabled():
        print(f"\nread in {seconds:.2f} s of one processor, {added_mb:.0f} MB added")
    assert seconds < READ_LIMIT_S and added_mb < READ_LIMIT_MB


def test_header_check(tmp_path, capsys):
    """50,000 PNG files of 640 x 640 px, all of different content, just written."""
    buffer = io.BytesIO()
    coarse = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(coarse).resize((640, 640), Image.Resampling.NEAREST).save(buffer, "PNG")
    picture, files = buffer.getvalue(), {}
    (tmp_path / "satellite").mkdir()
    for number in range(FILES):
        note = b"tEXtComment\0%d" % number
        chunk = struct.pack(">I", len(note) - 4) + note + struct.pack(">I", zlib.crc32(note))
        path = f"satellite/{number}.png"
        (tmp_path / path).write_bytes(picture[:-12] + chunk + picture[-12:])
        files[path] = Listed(path, "reference", "list", number + 1)
    found, began = Verification("made", str(tmp_path)), time.perf_counter()
    by_card = {"reference": (640, 640)}
    check_images(found, tmp_path, files, decoded=None, one_size=["reference"], by_card=by_card, bar=Silent())
    seconds = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n{FILES:,} headers in {seconds:.1f} s")
    assert found.passed and seconds < CHECK_LIMIT_S


class _Slow(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    tile = b""

    def do_GET(self) -> None:
        time.sleep(ANSWER_S)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.tile)))
        self.end_headers()
        self.wfile.write(self.tile)

    def log_message(self, *args) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def serve(tile: bytes, port) -> None:
    """Run a server in a process of its own, so that it does not share the client's interpreter."""
    _Slow.tile = tile
    server = _Server(("127.0.0.1", 0), _Slow)
    port.put(server.server_address[1])
    server.serve_forever()


def test_fifty_connections(tmp_path, capsys, monkeypatch):
    """The share of the requests that a server could answer over 50 connections, 0.2 s each, in the time."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), (90, 120, 60)).save(buffer, "PNG")
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    process = context.Process(target=serve, args=(buffer.getvalue(), port), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{port.get()}/{{z}}/{{x}}/{{y}}"
    x, y = np.arange(REQUESTS) % 1000 * 256 + 128.0, np.arange(REQUESTS) // 1000 * 256 + 2.0**17 + 128
    lat, lon = geo.from_mercator_px(x, y, 10)
    items = [Wanted(f"Aa/{n}.jpg", lat[n], lon[n], (224, 224)) for n in range(REQUESTS)]
    try:
        with Client(ClientOptions(connections=CONNECTIONS, rate_per_s=0), allow_private=True) as client:
            provider = XyzProvider(client, {"url": url, "zoom": 10})
            began = time.perf_counter()
            report = download(
                ((provider, item) for item in items),
                tmp_path,
                connections=CONNECTIONS,
                stop=threading.Event(),
                progress=Silent(),
            )
            seconds = time.perf_counter() - began
    finally:
        process.kill()
        process.join()
    busy = REQUESTS * ANSWER_S / (CONNECTIONS * seconds)
    with capsys.disabled():
        print(f"\n{REQUESTS:,} tiles in {seconds:.1f} s: {busy:.0%} of what the server could answer")
    assert report.fetched == REQUESTS and busy > LEAST_BUSY
