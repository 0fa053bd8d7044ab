"""`cvgl-bench cache` as a person meets it."""

import json
import os
import re
import time

import numpy as np
import pytest

from cvgl_bench.foundation.cache import MANIFEST, cache_folder


@pytest.fixture
def filled():
    """Put one entry of each kind, and one that is being written, into the cache; return their folders."""
    names = {"embeddings": "0123", "worlds": "mini-1", "verified": "ab.jsonl"}
    paths = {kind: cache_folder() / kind / name for kind, name in names.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True)
        path.touch() if path.suffix else path.mkdir()
    np.save(paths["embeddings"] / "embeddings.npy", np.zeros((500, 500), np.float32))
    (paths["embeddings"] / MANIFEST).write_text(json.dumps({"title": "net city references"}))
    paths["unfinished"] = cache_folder() / "embeddings" / ".4567.1.tmp"
    paths["unfinished"].mkdir()
    (paths["unfinished"] / "embeddings.npy").write_bytes(b"x")
    old = time.time() - 40 * 86400
    os.utime(paths["worlds"], (old, old))
    return paths


def test_an_empty_cache_says_so(run_command):
    shown = run_command("cache", "list")
    assert shown.out == f"0 entries, 0.00 MB, in {cache_folder()}\n"
    assert run_command("cache", "clear").out.startswith("Removed 0 entries")


@pytest.mark.parametrize("verb", ["list", "clear"])
def test_a_cache_that_is_no_folder_is_refused_in_one_line(run_command, tmp_path, monkeypatch, verb):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path / "file"))
    shown = run_command("cache", verb)
    assert shown.code == 1 and shown.err.count("\n") == 1
    assert "file cannot be read: Not a directory. Set CVGL_CACHE" in shown.err


def test_the_list_says_what_how_large_and_how_old(run_command, filled):
    shown = run_command("cache", "list").out
    assert re.search(r"^embeddings +net city references +1\.00 MB +0 min ago +whole$", shown, re.MULTILINE)
    assert "40 days ago" in shown and "being written" in shown
    assert shown.splitlines()[-1] == f"4 entries, 1.00 MB, in {cache_folder()}"


def test_the_list_as_json_says_where(run_command, filled):
    listing = json.loads(run_command("cache", "list", "--json", "--kind", "embeddings").out)
    assert listing["folder"] == str(cache_folder())
    whole = [entry for entry in listing["entries"] if entry["whole"]]
    assert [entry["path"] for entry in whole] == [str(filled["embeddings"])]
    assert listing["bytes"] == sum(entry["bytes"] for entry in listing["entries"]) > 1e6


def test_clearing_takes_what_is_old_or_of_a_kind(run_command, filled):
    assert run_command("cache", "clear", "--older-than", "50").out.startswith("Removed 0")
    shown = run_command("cache", "clear", "--older-than", "30", "--dry-run").out
    assert "Would remove 1 entry" in shown and filled["worlds"].exists()
    run_command("cache", "clear", "--older-than", "30")
    assert not filled["worlds"].exists() and filled["embeddings"].exists()
    shown = run_command("cache", "clear", "--kind", "embeddings").out
    assert "embeddings: net city references (1.00 MB)" in shown
    assert "left, because it is being written" in shown
    assert not filled["embeddings"].exists() and filled["unfinished"].exists() and filled["verified"].exists()


def test_clearing_as_json(run_command, filled):
    gone = json.loads(run_command("cache", "clear", "--json").out)
    assert len(gone["removed"]) == 3 and gone["bytes"] > 1e6


def test_a_kind_nobody_knows_is_refused(run_command):
    answer = run_command("cache", "clear", "--kind", "embedding")
    assert answer.code == 2 and "embeddings" in answer.err


@pytest.mark.parametrize(("seconds", "text"), [(90, "2 min ago"), (7300, "2 h ago"), (200_000, "2 days ago")])
def test_ages_are_told_in_the_unit_that_fits(run_command, filled, seconds, text):
    then = time.time() - seconds
    os.utime(filled["worlds"], (then, then))
    assert text in run_command("cache", "list", "--kind", "worlds").out


@pytest.mark.parametrize(("count", "text"), [(1_500_000, "1.50 MB"), (2_500_000_000, "2.50 GB")])
def test_sizes_are_told_in_the_unit_that_fits(run_command, filled, count, text):
    os.truncate(filled["verified"], count)  # Takes no place on the disk.
    assert text in run_command("cache", "list", "--kind", "verified").out
