"""The list of fetched files."""

from __future__ import annotations

import json

import pytest

from cvgl_bench.data_tools.fetch import manifest
from cvgl_bench.data_tools.fetch.manifest import MANIFEST, Manifest, damaged, entry, read_manifest


def fill(root, *paths: str, content: bytes = b"abc") -> None:
    log = Manifest(root)
    for path in paths:
        (root / path).write_bytes(content)
        log.append(entry(path, content, "test"))
    log.close()


def test_lines_are_sorted_and_say_size_and_hash(tmp_path):
    fill(tmp_path, "b.png", "a.png")
    lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [line["path"] for line in lines] == ["a.png", "b.png"]
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert lines[0] == {"path": "a.png", "size_bytes": 3, "sha256": digest, "provider": "test"}


@pytest.mark.parametrize("tail", ['{"path": "c.png", "size', "\x00\x00", "{"])
def test_a_torn_last_line_is_dropped_and_appending_goes_on(tmp_path, tail):
    fill(tmp_path, "a.png")
    with (tmp_path / MANIFEST).open("a") as file:
        file.write(tail)
    fill(tmp_path, "b.png")
    assert [item.path for item in read_manifest(tmp_path)] == ["a.png", "b.png"]


def test_the_last_line_of_a_file_counts_and_lines_without_a_file_go(tmp_path):
    fill(tmp_path, "a.png", "b.png")
    (tmp_path / "b.png").unlink()
    fill(tmp_path, "a.png", content=b"newer")
    assert [(item.path, item.size_bytes) for item in read_manifest(tmp_path)] == [("a.png", 5)]


def test_sorting_in_pieces_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "RUN_LINES", 3)
    names = [f"{n * 7 % 11}.png" for n in range(11)]
    fill(tmp_path, *names, *names[:4])
    assert [item.path for item in read_manifest(tmp_path)] == sorted(names)
    assert {path.name for path in tmp_path.iterdir()} == {*names, MANIFEST}


def test_a_line_in_the_middle_that_is_no_entry_is_left_out(tmp_path):
    fill(tmp_path, "a.png")
    with (tmp_path / MANIFEST).open("a") as file:
        file.write('[1]\n{"path": "x"}\nnonsense\n')
    assert [item.path for item in read_manifest(tmp_path)] == ["a.png"]


def test_damage_is_found(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png", "d.png")
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").write_bytes(b"longer")
    (tmp_path / "c.png").write_bytes(b"abd")
    assert [(item.path, how) for item, how in damaged(tmp_path)] == [
        ("a.png", "missing"),
        ("b.png", "6 bytes instead of 3"),
        ("c.png", "other content than was fetched"),
    ]


def test_no_manifest_is_no_entry(tmp_path):
    assert list(read_manifest(tmp_path)) == []
