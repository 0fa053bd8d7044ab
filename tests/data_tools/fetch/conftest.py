"""A local tile server that can misbehave, and tiles drawn so that every pixel tells where it is."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.fetch.client import Client, ClientOptions
from cvgl_bench.data_tools.fetch.provider import Provider, Wanted


class Server(ThreadingHTTPServer):
    """Answers GET and POST with what `answer(method, path, body)` returns: (status, headers, body)."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answer: Callable) -> None:
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.times = 0
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address) -> None:
        """Clients that give up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers["Content-Length"])))

    def _respond(self, body: bytes) -> None:
        server = self.server
        with server.lock:
            server.asked[self.path] += 1
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            status, headers, data = server.answer(self.command, self.path, body)
        finally:
            with server.lock:
                server.under_way -= 1
        length = headers.pop("Content-Length", str(len(data)))
        cut = length != str(len(data))
        self.send_response(status)
        for name, value in {"Content-Length": length, **headers}.items():
            self.send_header(name, value)
        if cut:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection |= cut

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """Ask the local servers directly, whatever the environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def serve():
    """Start a server for an answer function; all are stopped at the end."""
    servers = []

    def start(answer: Callable) -> Server:
        server = Server(answer)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def make_client():
    """Make clients in a hurry; all are closed at the end."""
    clients = []

    def make(*, allow_private: bool = True, **options) -> Client:
        settings = {"rate_per_s": 0, "tries": 3, "stall_s": 0.5, "deadline_s": 2, **options}
        clients.append(Client(ClientOptions(**settings), allow_private=allow_private))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client) -> Client:
    """A client that may ask the local server."""
    return make_client()


@pytest.fixture
def hurried(monkeypatch):
    """Let failed tries follow each other quickly."""
    monkeypatch.setattr("cvgl_bench.data_tools.fetch.client.FIRST_WAIT_S", 0.005)


def picture(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Return smooth random RGB pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (shape[0] // 16 + 2, shape[1] // 16 + 2, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def png(pixels: np.ndarray) -> bytes:
    """Return pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class World:
    """A piece of the map around (x0, y0) tiles at a zoom, as one picture and as tiles."""

    def __init__(self, zoom: int, x0: int, y0: int, tiles: int = 6) -> None:
        self.zoom, self.x0, self.y0, self.tiles = zoom, x0, y0, tiles
        self.pixels = picture((tiles * 256, tiles * 256))
        self._files = {
            (x, y): png(self.pixels[y * 256 : y * 256 + 256, x * 256 : x * 256 + 256])
            for x in range(tiles)
            for y in range(tiles)
        }

    def file(self, z: int, x: int, y: int) -> bytes | None:
        """Return a tile's file, or None outside."""
        return self._files.get((x - self.x0, y - self.y0)) if z == self.zoom else None

    def answer(self, method: str, path: str, body: bytes):
        """Answer like a tile server at /z/x/y."""
        file = self.file(*map(int, path.strip("/").split("/")))
        return (404, {}, b"no such tile") if file is None else (200, {"Content-Type": "image/png"}, file)

    def cut(self, left: float, top: float, height: int, width: int) -> np.ndarray:
        """Return a rectangle at whole pixels from the piece's corner."""
        return self.pixels[int(top) : int(top) + height, int(left) : int(left) + width]


@pytest.fixture(scope="session")
def world() -> World:
    """A piece of the map at zoom 18 near London."""
    return World(18, 130972, 87168)


class Steady(Provider):
    """Gives each file a picture of its own, and fails where told."""

    name, view, terms = "steady", "reference", "none"

    def __init__(self) -> None:
        super().__init__(client=None, settings={})
        self.failing: dict[str, Exception] = {}
        self.made: Counter[str] = Counter()

    def image(self, wanted: Wanted) -> np.ndarray:
        self.made[wanted.path] += 1
        if wanted.path in self.failing:
            raise self.failing[wanted.path]
        return picture(wanted.size_px, seed=len(wanted.path))

    def requests(self, wanted: Wanted) -> int:
        return 2


@pytest.fixture
def steady() -> Steady:
    """A provider that needs no server."""
    return Steady()


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
