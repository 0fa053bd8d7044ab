"""Whole folders: layout, determinism, and that an interrupted one never looks whole."""

from __future__ import annotations

import dataclasses
import errno
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.minicity import generate, is_complete, write
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
        assert len(tiles) == plan.tiles_per_city and len(panoramas) == plan.panoramas_per_city
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


def test_a_killed_process_leaves_no_world(tmp_path):
    code = (
        "import sys, pathlib; from cvgl_bench.minicity import MINI_DRESS, generate;"
        "generate(MINI_DRESS, pathlib.Path(sys.argv[1]), workers=1)"
    )
    root = tmp_path / "world"
    process = subprocess.Popen([sys.executable, "-c", code, str(root)], cwd=REPOSITORY)
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert list(tmp_path.rglob("*.jpg")) and not root.exists() and not is_complete(root)


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
