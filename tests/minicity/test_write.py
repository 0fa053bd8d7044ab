"""Whole folders: layout, determinism, and that an interrupted one never looks whole."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.minicity import generate, holds, is_complete, write
from cvgl_bench.minicity.labels import SPLIT_FILES
from cvgl_bench.minicity.region import RegionLines

REPOSITORY = Path(__file__).parents[2]


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def image_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.fixture(scope="module")
def small(dress_plan):
    return dataclasses.replace(dress_plan, cities=("Tokyo", "Rio"), tiles_per_side=2, panoramas_per_city=3)


@pytest.fixture(scope="module")
def small_root(small, tmp_path_factory):
    root = tmp_path_factory.mktemp("small") / "world"
    generate(small, root, workers=1)
    return root


def test_two_workers_write_the_same_bytes_as_one(small, small_root, tmp_path):
    generate(small, tmp_path / "world", workers=2)
    assert content(tmp_path / "world") == content(small_root)


def test_another_seed_gives_another_world(small, small_root, tmp_path):
    generate(dataclasses.replace(small, seed=1), tmp_path / "world", workers=1)
    first, second = content(small_root), content(tmp_path / "world")
    tiles = [name for name in first if "satellite/" in name]
    assert tiles and all(first[name] != second[name] for name in tiles)


@pytest.mark.parametrize(("layout", "suffix"), [("dress", "jpg"), ("vigor", "png")])
def test_layout_and_counts(layout, suffix, request):
    plan, root = request.getfixturevalue(f"{layout}_plan"), request.getfixturevalue(f"{layout}_root")
    assert is_complete(root)
    for city in plan.cities:
        tiles = sorted((root / city / "satellite").iterdir())
        panoramas = sorted((root / city / "panorama").iterdir())
        assert len(tiles) == plan.tiles_per_side**2 and len(panoramas) == plan.panoramas_per_city
        assert {path.suffix for path in tiles} == {f".{suffix}"}
        assert image_size(tiles[0]) == (plan.tile_px, plan.tile_px)
        assert image_size(panoramas[0]) == plan.panorama_px[::-1]
        lists = root / SPLIT_FILES[layout].folder / city
        assert sorted((lists / "satellite_list.txt").read_text().splitlines()) == [
            path.name for path in tiles
        ]
        everything = (lists / SPLIT_FILES[layout].everything).read_text().splitlines()
        assert sorted(line.split(" ")[0] for line in everything) == [path.name for path in panoramas]


def test_progress_counts_up_to_all_images(small, tmp_path, monkeypatch):
    lines = RegionLines("Tokyo", ["tile"] * 4, ["label"] * 3, 0)
    monkeypatch.setattr(write, "write_region", lambda plan, region, root: lines)
    seen = []
    generate(small, tmp_path / "world", workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(7, 14), (14, 14)]


def test_an_interrupted_world_leaves_nothing(small, tmp_path, monkeypatch):
    def interrupted(plan, region, root):
        (root / region.city / "satellite" / "one.jpg").write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_region", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(small, tmp_path / "world", workers=1)
    assert not is_complete(tmp_path / "world")
    assert list(tmp_path.iterdir()) == []


GENERATE = """
import dataclasses, pathlib, signal, sys
from cvgl_bench.minicity import MINI_DRESS, generate
if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sizes = {"tiles_per_side": 16, "tile_px": 16, "panorama_px": (8, 16), "region_tiles": 2, "supersample": 1}
    sizes["training_cities"] = ()
    generate(dataclasses.replace(MINI_DRESS, **sizes), pathlib.Path(sys.argv[1]), workers=2)
"""


def children(process: int) -> list[int]:
    lines = subprocess.check_output(["ps", "-eo", "ppid=,pid="], text=True).splitlines()
    pairs = [map(int, line.split()) for line in lines]
    return [pid for parent, pid in pairs if parent == process]


def is_alive(process: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True).stdout
    return bool(state) and not state.startswith(b"Z")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_no_world_and_no_workers(small, number, tmp_path):
    root, script = tmp_path / "world", tmp_path / "generate.py"
    script.write_text(GENERATE)
    process = subprocess.Popen(
        [sys.executable, script, root],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children(process.pid)
    process.send_signal(number)
    process.wait()
    while any(map(is_alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) >= 2 and not any(map(is_alive, workers))
    assert not root.exists()
    assert (number == signal.SIGTERM) == (not list(tmp_path.rglob("*.jpg"))), "a kill -9 leaves its files"
    generate(small, root, workers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generate.py", "world"]


def test_a_second_writer_waits_and_finds_the_work_done(small, tmp_path, monkeypatch):
    root, started = tmp_path / "world", threading.Event()
    drawn = []

    def slow(plan, region, partial):
        drawn.append(region)
        started.set()
        time.sleep(0.2)
        return RegionLines(region.city, [], [], region.first_panorama)

    monkeypatch.setattr(write, "write_region", slow)
    first = threading.Thread(target=generate, args=(small, root), kwargs={"workers": 1})
    first.start()
    started.wait()
    generate(small, root, workers=1)
    first.join()
    assert len(drawn) == 2 and list(tmp_path.iterdir()) == [root]


def test_a_world_that_was_changed_is_named_and_not_used(small, small_root, tmp_path):
    lists = Path("splits_new", "Rio", "satellite_list.txt")
    image = next((small_root / "Rio" / "panorama").iterdir()).relative_to(small_root)

    def refused(name, change, words):
        root = tmp_path / name
        shutil.copytree(small_root, root)
        assert holds(small, root)
        change(root)
        with pytest.raises(DataError, match=f"{words}.*cache clear"):
            holds(small, root)

    refused("list", lambda root: (root / lists).write_text("one.jpg\n"), "its label lists differ")
    refused("image", lambda root: (root / image).unlink(), "13 images instead of 14")
    refused("cut", lambda root: (root / image).write_bytes(b""), r"bytes instead of")
    refused("junk", lambda root: (root / write.MARKER).write_text("junk"), "minicity.json is damaged")
    refused("list of", lambda root: (root / write.MARKER).write_text("[]"), "minicity.json is damaged")


def test_a_full_disk_says_what_to_do(small, tmp_path, monkeypatch):
    def full(plan, region, root):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "write_region", full)
    with pytest.raises(DataError, match="No space left.*another cache folder"):
        generate(small, tmp_path / "world", workers=1)


def test_a_world_that_another_process_finished_first_is_kept(small, small_root, tmp_path, monkeypatch):
    root = tmp_path / "world"

    def overtaken(plan, region, partial):
        if not root.exists():
            small_root.rename(root)
        return RegionLines(region.city, [], [], region.first_panorama)

    before = content(small_root)
    monkeypatch.setattr(write, "write_region", overtaken)
    generate(small, root, workers=1)
    assert content(root) == before
    root.rename(small_root)


def test_a_finished_world_is_not_written_again(small, small_root, monkeypatch):
    monkeypatch.setattr(write, "write_region", None)
    generate(small, small_root, workers=1)


def test_foreign_folders_are_refused(small, small_root, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="other sizes"):
        generate(dataclasses.replace(small, seed=3), small_root)
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "mine.txt").write_text("keep me")
    monkeypatch.setattr(write, "write_region", lambda p, region, r: RegionLines(region.city, [], [], 0))
    with pytest.raises(DataError, match="not a generated world"):
        generate(small, tmp_path / "world", workers=1)
    assert (tmp_path / "world" / "mine.txt").read_text() == "keep me"


def test_regions_wait_in_bounded_number(small, tmp_path, monkeypatch):
    large = dataclasses.replace(small, tiles_per_side=40, panoramas_per_city=0)
    waiting, most = set(), 0

    class Done:
        def __init__(self, region):
            nonlocal most
            self.region = region
            waiting.add(region)
            most = max(most, len(waiting))

        def result(self):
            waiting.discard(self.region)
            return RegionLines(self.region.city, [], [], 0)

    class Pool:
        def __init__(self, *args, **options):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def submit(self, function, plan, region, root):
            return Done(region)

    monkeypatch.setattr(write, "ProcessPoolExecutor", Pool)
    generate(large, tmp_path / "world", workers=3)
    assert not waiting and most == write.AHEAD_PER_WORKER * 3 + 1
