"""Downloads that are killed, refused, and lied to."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from cvgl_bench.data_tools.fetch import download as module
from cvgl_bench.data_tools.fetch.client import Missing
from cvgl_bench.data_tools.fetch.download import FAILURES, PARTIAL, download, encode, target_path
from cvgl_bench.data_tools.fetch.manifest import MANIFEST, read_manifest
from cvgl_bench.data_tools.fetch.overhead import XyzProvider
from cvgl_bench.data_tools.fetch.provider import Wanted
from cvgl_bench.data_tools.fetch.xyz import decode
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.progress import Silent

from .conftest import Steady, picture, png, tree


def run(jobs, root, connections: int = 4):
    return download(jobs, root, connections=connections, stop=threading.Event(), progress=Silent())


def wanted(count: int, suffix: str = ".png") -> list[Wanted]:
    return [Wanted(f"Aa/satellite/{'x' * n}{suffix}", 0, 0, (8, 8)) for n in range(1, count + 1)]


def crops(world, count: int, size: int = 200) -> list[Wanted]:
    """Return files at random sub-pixel centres inside the world's piece."""
    rng = np.random.default_rng(1)
    found = []
    for n, (x, y) in enumerate(rng.uniform(size, world.tiles * 256 - size, (count, 2))):
        lat, lon = geo.from_mercator_px(world.x0 * 256 + x, world.y0 * 256 + y, world.zoom)
        found.append(Wanted(f"Aa/satellite/{n:03}.png", float(lat), float(lon), (size, size)))
    return found


def test_files_failures_and_the_manifest_are_written(tmp_path, steady):
    steady.failing = {"Aa/satellite/xx.png": DataError("not today")}
    report = run(((steady, item) for item in wanted(5)), tmp_path)
    assert (report.fetched, report.present, report.failed) == (4, 0, 1)
    assert [(failure.path, failure.reason) for failure in report.failures] == [
        ("Aa/satellite/xx.png", "not today")
    ]
    assert json.loads((tmp_path / FAILURES).read_text()) == {
        "path": "Aa/satellite/xx.png",
        "reason": "not today",
    }
    assert len(list(read_manifest(tmp_path))) == 4
    assert sum(item.size_bytes for item in read_manifest(tmp_path)) == report.fetched_bytes
    assert not (tmp_path / PARTIAL).exists()


def test_the_same_again_retries_only_what_failed(tmp_path, steady):
    steady.failing = {"Aa/satellite/xx.png": DataError("not today")}
    jobs = [(steady, item) for item in wanted(3)]
    run(jobs, tmp_path)
    steady.failing = {}
    report = run(jobs, tmp_path)
    assert (report.fetched, report.present, report.failed) == (1, 2, 0)
    assert steady.made["Aa/satellite/x.png"] == 1
    assert not (tmp_path / FAILURES).exists()
    assert len(list(read_manifest(tmp_path))) == 3


def test_a_server_that_is_down_is_left_in_peace(tmp_path, steady, monkeypatch):
    monkeypatch.setattr(module, "MOST_FAILURES_IN_A_ROW", 5)
    steady.failing = {item.path: DataError("down") for item in wanted(80)}
    with pytest.raises(DataError, match="5 files in a row could not be had, the last because of: down"):
        run([(steady, item) for item in wanted(80)], tmp_path, connections=1)
    assert sum(steady.made.values()) < 20
    assert (tmp_path / FAILURES).exists()


def test_missing_files_say_nothing_about_the_server(tmp_path, steady, monkeypatch):
    monkeypatch.setattr(module, "MOST_FAILURES_IN_A_ROW", 5)
    steady.failing = {item.path: Missing("gone") for item in wanted(20)}
    report = run([(steady, item) for item in wanted(20)], tmp_path)
    assert (report.failed, report.missing) == (20, 20)


def test_a_refused_key_ends_the_run(tmp_path, steady):
    steady.failing = {item.path: UsageError("the key is refused") for item in wanted(20)}
    with pytest.raises(UsageError, match="the key is refused"):
        run([(steady, item) for item in wanted(20)], tmp_path)


@pytest.mark.parametrize("path", ["../up.png", "/etc/x.png", "a/../../b.png", "a\\b.png", "", "a/\0.png"])
def test_no_list_writes_outside_its_folder(tmp_path, path):
    with pytest.raises(UsageError, match="is no place inside"):
        target_path(tmp_path, path)


def test_a_folder_has_one_writer(tmp_path, steady):
    """A second one is refused at once, and takes nothing from the first."""

    class Nested(Steady):
        def image(self, wanted: Wanted) -> np.ndarray:
            with pytest.raises(UsageError, match=f"Another process fetches into {tmp_path}"):
                run([(steady, wanted)], tmp_path)
            return super().image(wanted)

    report = run([(Nested(), item) for item in wanted(3)], tmp_path, connections=1)
    assert (report.fetched, len(list(read_manifest(tmp_path)))) == (3, 3)
    assert not steady.made


def test_what_a_killed_fetch_left_is_cleared(tmp_path, steady):
    (tmp_path / PARTIAL).mkdir()
    (tmp_path / PARTIAL / "7").write_bytes(b"half")
    run([(steady, item) for item in wanted(1)], tmp_path)
    assert set(tree(tmp_path)) == {"Aa/satellite/x.png", MANIFEST}


def test_a_folder_that_cannot_be_written_is_named(tmp_path, steady):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match="data cannot be written: Not a directory"):
        run([(steady, item) for item in wanted(1)], tmp_path / "data")


def test_formats(tmp_path):
    pixels = picture((64, 64))
    assert np.array_equal(decode(encode(pixels, ".png")), pixels)
    assert np.abs(decode(encode(pixels, ".jpg")).astype(int) - pixels).mean() < 3
    with pytest.raises(UsageError, match="the kind '.tif'"):
        encode(pixels, ".tif")


def test_fifty_connections_are_kept_busy(tmp_path, serve, world, make_client):
    tile = world.file(world.zoom, world.x0, world.y0)
    server = serve(lambda *request: time.sleep(0.5) or (200, {}, tile))
    client = make_client(connections=50, stall_s=10)
    provider = XyzProvider(client, {"url": server.url + "/{z}/{x}/{y}", "zoom": 10})
    middle = np.arange(150) * 256 + 128.0
    lats, lons = geo.from_mercator_px(middle, np.full(150, 2.0**17 + 128), 10)
    items = [Wanted(f"Aa/{n}.jpg", lats[n], lons[n], (16, 16)) for n in range(150)]
    report = run([(provider, item) for item in items], tmp_path, connections=50)
    assert report.fetched == 150
    assert server.most_under_way >= 40


def test_ten_kills_leave_no_trace(tmp_path, serve, world):
    def answer(*request):
        time.sleep(0.002)
        return world.answer(*request)

    url = serve(answer).url + "/{z}/{x}/{y}"
    items = [(item.path, item.lat, item.lon, item.size_px) for item in crops(world, COUNT)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([url, str(tmp_path), world.zoom, items]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *counts, undisturbed, last = json.loads(done.stdout)
    assert undisturbed == last == 0
    assert len(counts) == 10 and len([n for n in counts if 0 < n < COUNT]) >= 5, counts
    assert tree(tmp_path / "killed") == tree(tmp_path / "undisturbed")
    assert len(tree(tmp_path / "killed")) == COUNT + 1


COUNT = 60
SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path
from cvgl_bench.data_tools.fetch.client import Client, ClientOptions
from cvgl_bench.data_tools.fetch.download import download
from cvgl_bench.data_tools.fetch.overhead import XyzProvider
from cvgl_bench.data_tools.fetch.provider import Wanted
from cvgl_bench.foundation.progress import Silent
url, place, zoom, items = json.load(sys.stdin)
items = [Wanted(*item[:3], tuple(item[3])) for item in items]

def fetch(root):
    with Client(ClientOptions(rate_per_s=0), allow_private=True) as client:
        provider = XyzProvider(client, {"url": url, "zoom": zoom})
        jobs = ((provider, item) for item in items)
        return download(jobs, root, connections=4, stop=client.stop, progress=Silent()).failed

def start(name):
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = fetch(Path(place, name))
        finally:
            os._exit(code)
    return child

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

undisturbed = end(start("undisturbed"))
chance, folder, counts = random.Random(0), Path(place, "killed", "Aa", "satellite"), [0]
for _ in range(10):
    child = start("killed")
    enough = counts[-1] + chance.randint(1, 5)
    while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        if len(list(folder.glob("*.png"))) >= enough:
            break
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.003))
    os.kill(child, signal.SIGKILL)
    end(child)
    counts.append(len(list(folder.glob("*.png"))))
print(json.dumps([*counts[1:], undisturbed, end(start("killed"))]))
"""


class Faulty:
    """Serves the world with every fault of a bad day, drawn at random but the same for every try."""

    def __init__(self, world, seed: int, missing: set[str] = frozenset()) -> None:
        self._world, self._random, self._missing = world, random.Random(seed), missing
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str, body: bytes):
        with self._lock:
            chance = self._random.random()
        status, headers, data = self._world.answer(method, path, body)
        if path in self._missing:
            return 404, {}, b"no"
        if chance < 0.10:
            return 500, {}, b"oops"
        if chance < 0.13:
            time.sleep(0.7)
        elif chance < 0.18:
            return 200, {"Content-Length": str(len(data))}, data[: len(data) // 2]
        elif chance < 0.22:
            return 200, {}, data[: len(data) // 2]
        elif chance < 0.25:
            return 200, {"Content-Type": "image/png"}, b"<!DOCTYPE html><html>Too many requests</html>"
        return status, headers, data


def test_a_faulty_server_ends_complete(tmp_path, serve, world, make_client, hurried):
    items = crops(world, 40)
    good = serve(world.answer)
    for name, server in (("good", good), ("faulty", serve(Faulty(world, 3)))):
        client = make_client(tries=10)
        provider = XyzProvider(client, {"url": server.url + "/{z}/{x}/{y}", "zoom": world.zoom})
        report = run([(provider, item) for item in items], tmp_path / name, connections=8)
        assert (report.fetched, report.failed) == (40, 0)
    assert tree(tmp_path / "faulty") == tree(tmp_path / "good")


def test_a_faulty_server_with_holes_ends_with_exactly_what_is_missing(
    tmp_path, serve, world, make_client, hurried
):
    from cvgl_bench.data_tools.fetch.mosaic import tiles_under

    items = crops(world, 40)
    hole = f"/{world.zoom}/{world.x0 + 2}/{world.y0 + 3}"
    server = serve(Faulty(world, 4, {hole}))
    provider = XyzProvider(make_client(tries=10), {"url": server.url + "/{z}/{x}/{y}", "zoom": world.zoom})
    run([(provider, item) for item in items], tmp_path, connections=8)
    missing = {json.loads(line)["path"] for line in (tmp_path / FAILURES).read_text().splitlines()}

    def touches(item: Wanted) -> bool:
        centre = tuple(map(float, geo.mercator_px(item.lat, item.lon, world.zoom)))
        return any(f"/{t.z}/{t.x}/{t.y}" == hole for t, _, _ in tiles_under(centre, item.size_px, world.zoom))

    assert missing == {item.path for item in items if touches(item)} and missing
    assert {item.path for item in read_manifest(tmp_path)} == {item.path for item in items} - missing


def test_content_that_changes_between_tries_is_never_mixed(tmp_path, serve, make_client, hurried):
    """Each try gives another picture; the file that is kept is one of them as a whole."""
    versions = [png(picture((256, 256), seed=seed)) for seed in range(4)]
    served = []

    def answer(method, path, body):
        data = versions[len(served) % len(versions)]
        served.append(data)
        cut = len(served) < 3
        return 200, {"Content-Length": str(len(data))} if cut else {}, data[: len(data) // 2] if cut else data

    provider = XyzProvider(make_client(), {"url": serve(answer).url + "/{z}/{x}/{y}", "zoom": 2})
    item = Wanted("Aa/satellite/a.png", *map(float, geo.from_mercator_px(384.0, 384.0, 2)), (256, 256))
    run([(provider, item)], tmp_path)
    assert np.array_equal(decode((tmp_path / item.path).read_bytes()), picture((256, 256), seed=2))


def test_memory_does_not_grow_with_the_number_of_files(tmp_path, steady):
    import tracemalloc

    def peak(count: int, root) -> int:
        item = wanted(1)[0]
        target_path(root, item.path).parent.mkdir(parents=True)
        target_path(root, item.path).write_bytes(b"there")
        tracemalloc.start()
        report = run(((steady, Wanted(item.path, 0, 0, (8, 8))) for _ in range(count)), root)
        assert report.present == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(100, tmp_path / "few"), peak(4_000, tmp_path / "many")
    assert many < few + 200_000


def test_the_manifest_keeps_no_address(tmp_path, serve, world, make_client, monkeypatch):
    monkeypatch.setenv("CVGL_KEY_T", "s3cret")
    provider = XyzProvider(
        make_client(),
        {
            "url": serve(lambda m, p, b: world.answer(m, p.partition("?")[0], b)).url
            + "/{z}/{x}/{y}?k={key:T}",
            "zoom": world.zoom,
        },
    )
    run([(provider, item) for item in crops(world, 3)], tmp_path)
    assert "s3cret" not in (tmp_path / MANIFEST).read_text()
