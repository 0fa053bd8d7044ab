"""The cache folder and what lies in it."""

import json
import os
import time
from pathlib import Path

import pytest

from cvgl_bench.foundation.cache import MANIFEST, cache_folder, entries, mark_used, remove
from cvgl_bench.foundation.errors import DataError


def test_where_the_cache_is():
    assert cache_folder({"CVGL_CACHE": "/a"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/cvgl-bench")
    assert cache_folder({}) == Path.home() / ".cache" / "cvgl-bench"


@pytest.fixture
def put(tmp_path):
    """Return a function that puts an entry of so many bytes and days into the cache."""

    def put(kind, name, *, size=10, days=0.0, title=None, file=False):
        path = tmp_path / kind / name
        path.parent.mkdir(exist_ok=True)
        content = path if file else path / "deep" / "content"
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_bytes(bytes(size))
        if title:
            (path / MANIFEST).write_text(json.dumps({"title": title}))
        then = time.time() - days * 86400
        for one in (content, path):
            os.utime(one, (then, then))
        return path

    return put


def test_entries_are_listed_with_sizes_the_oldest_first(put, tmp_path):
    assert entries(tmp_path, "worlds") == []
    put("worlds", "new", size=300)
    put("worlds", "old", size=20, days=3)
    old, new = entries(tmp_path, "worlds")
    assert (old.title, old.bytes, old.whole, new.bytes) == ("old", 20, True, 300)
    assert old.idle_s == pytest.approx(3 * 86400, abs=60)
    mark_used(old.path)
    assert entries(tmp_path, "worlds")[-1].title == "old"
    mark_used(tmp_path / "nowhere")


def test_a_manifest_gives_the_title(put, tmp_path):
    put("embeddings", "0123", title="m noise queries")
    (put("embeddings", "4567") / MANIFEST).write_text("[")
    assert {entry.title for entry in entries(tmp_path, "embeddings")} == {"m noise queries", "4567"}


def test_what_is_being_written_is_told_from_what_was_left_behind(put, tmp_path):
    put("embeddings", ".0123.77.tmp", days=1)
    put("embeddings", ".4567.78.tmp")
    left, current = entries(tmp_path, "embeddings")
    assert not left.whole and not left.in_progress
    assert not current.whole and current.in_progress


def test_removing_takes_files_and_folders(put, tmp_path):
    put("verified", "a.jsonl", file=True)
    put("worlds", "b")
    for kind in ("verified", "worlds"):
        (entry,) = entries(tmp_path, kind)
        remove(entry)
        assert list((tmp_path / kind).iterdir()) == []


def test_without_a_home_the_remedy_is_named(monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(DataError, match="no home directory.*Set CVGL_CACHE"):
        cache_folder({})
