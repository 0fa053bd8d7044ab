"""Files are there whole or not at all."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from cvgl_bench.foundation.errors import DataError, ResultError
from cvgl_bench.foundation.whole_files import (
    remove_unfinished,
    unfinished_name,
    write_text,
    written_whole,
)


@pytest.fixture(params=["links", "no links"])
def file_system(request, monkeypatch):
    """A disk that knows hard links, and one that does not."""

    def refused(*_):
        raise OSError(95, "Operation not supported")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refused)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_is_kept_as_it_is(tmp_path, file_system):
    for path in (tmp_path / "a.txt", tmp_path / "b.txt"):
        write_text(path, "Zürich\r\n\n", exclusive=path.name == "b.txt")
        assert path.read_bytes() == "Zürich\r\n\n".encode()
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_an_earlier_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("old")
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["page.md"]


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_block_that_raises_changes_nothing(tmp_path, exclusive):
    path = tmp_path / "page.md"
    if not exclusive:
        path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(path, exclusive=exclusive) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert [path.read_text() for path in tmp_path.iterdir()] == ([] if exclusive else ["old"])


def test_an_existing_file_is_not_overwritten_where_that_is_asked_for(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"page\.md exists and is never overwritten; choose another name"):
        write_text(path, "other", exclusive=True)
    assert path.read_text() == "mine"
    assert names(tmp_path) == ["page.md"]


def test_nor_is_one_that_appears_meanwhile(tmp_path, file_system):
    path = tmp_path / "page.md"
    with (
        pytest.raises(ResultError, match="never overwritten"),
        written_whole(path, exclusive=True, error=ResultError) as temporary,
    ):
        temporary.write_text("late")
        path.write_text("first")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["page.md"]


def test_of_many_who_write_a_new_file_one_wins(tmp_path, file_system):
    path, start, refused = tmp_path / "page.md", threading.Barrier(8), []

    def write(number):
        start.wait()
        try:
            write_text(path, str(number) * 1000, exclusive=True)
        except DataError:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(range(8)) - set(refused)
    assert path.read_text() == str(winner) * 1000
    assert names(tmp_path) == ["page.md"]


def test_what_the_disk_does_not_take_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultError, match=r"page\.md cannot be written: No space left on device. Free space"):
        write_text(tmp_path / "page.md", "text", error=ResultError)
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["none/page.md", "file/page.md", "folder"])
def test_a_place_that_takes_no_file_is_named(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match=f"{place} cannot be written: "):
        write_text(tmp_path / place, "text")
    assert names(tmp_path) == ["file", "folder"]


def test_contents_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    seen = []
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (seen.append(names(tmp_path)), flush(file)))
    write_text(tmp_path / "page.md", "text")
    ((name,),) = seen
    assert name.startswith(".page.md.")


@pytest.mark.skipif(os.name == "nt", reason="There are no such permissions.")
def test_a_file_has_the_usual_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "page.md", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.md").stat().st_mode) == 0o640


def test_what_a_killed_process_leaves_can_be_removed(tmp_path):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from cvgl_bench.foundation.whole_files import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os._exit(9)\n"
    )
    (tmp_path / "kept.txt").touch()
    (tmp_path / ".kept").touch()
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "page.md"])
    assert killed.returncode == 9 and len(names(tmp_path)) == 3
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [".kept", "kept.txt"]


def test_a_name_of_any_length_has_an_unfinished_one(tmp_path):
    path = tmp_path / ("ü" * 120 + ".txt")
    write_text(path, "text")
    assert names(tmp_path) == [path.name]
    assert unfinished_name(path) != unfinished_name(path)
