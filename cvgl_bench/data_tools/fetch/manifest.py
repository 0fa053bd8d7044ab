"""The list of fetched files with size and hash: appended to as they come, sorted at the end.

A line is written before its file is renamed into place, so every file has its line, whenever the run is
killed; a line without a file, a repeated line, or a torn last one is dropped when the list is sorted.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby, islice
from pathlib import Path
from typing import IO, NamedTuple

from cvgl_bench.foundation.errors import DataError

MANIFEST = "fetch_manifest.jsonl"
RUN_LINES = 50_000
"""Lines sorted in memory at once, however long the list is."""


class Entry(NamedTuple):
    """A fetched file: its path relative to the data set's folder, size, hash, and who gave it."""

    path: str
    size_bytes: int
    sha256: str
    provider: str

    def line(self) -> str:
        """Return the entry as a line of JSON."""
        return json.dumps(self._asdict(), ensure_ascii=False) + "\n"


def entry(path: str, data: bytes, provider: str) -> Entry:
    """Return the entry of a file's bytes."""
    return Entry(path, len(data), hashlib.sha256(data).hexdigest(), provider)


class Manifest:
    """The manifest of a folder, open for appending; used from many threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / MANIFEST
        self._lock = threading.Lock()
        _drop_torn_line(self._path)
        self._file = self._path.open("a", encoding="utf-8", newline="\n")

    def append(self, item: Entry) -> None:
        """Add a line and hand it to the operating system."""
        with self._lock:
            self._file.write(item.line())
            self._file.flush()

    def close(self) -> None:
        """Sort the manifest by path, keeping the last line of each file that exists."""
        self._file.close()
        with ExitStack() as stack:
            runs = [stack.enter_context(run) for run in _sorted_runs(self._path, self._root)]
            temporary = self._path.with_suffix(".tmp")
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                merged = heapq.merge(*(_parsed(run) for run in runs), key=lambda item: item.path)
                for _, same in groupby(merged, key=lambda item: item.path):
                    *_, last = same
                    if (self._root / last.path).is_file():
                        file.write(last.line())
            os.replace(temporary, self._path)
        if not self._path.stat().st_size:
            self._path.unlink()


def read_manifest(root: Path) -> Iterator[Entry]:
    """Yield the entries of a folder's manifest; a line that cannot be read is left out."""
    path = root / MANIFEST
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            yield from _parsed(file)


def damaged(root: Path) -> Iterator[tuple[Entry, str]]:
    """Yield the entries whose file is no longer what was fetched, and how it differs."""
    for item in read_manifest(root):
        path = root / item.path
        if not path.is_file():
            yield item, "missing"
        elif path.stat().st_size != item.size_bytes:
            yield item, f"{path.stat().st_size} bytes instead of {item.size_bytes}"
        else:
            if hashlib.sha256(path.read_bytes()).hexdigest() != item.sha256:
                yield item, "other content than was fetched"


def _drop_torn_line(path: Path) -> None:
    """Cut off what follows the last line's end: the run was killed while writing it."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        tail_start = max(0, size - (1 << 16))
        file.seek(tail_start)
        end = file.read().rfind(b"\n")
        file.truncate(tail_start + end + 1)


def _parsed(lines: IO[str]) -> Iterator[Entry]:
    for line in lines:
        try:
            yield Entry(**json.loads(line))
        except (ValueError, TypeError):
            continue


def _sorted_runs(path: Path, root: Path) -> Iterator[IO[str]]:
    """Yield temporary files that hold the manifest in sorted pieces, in the order they were written."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = _parsed(file)
            while piece := list(islice(lines, RUN_LINES)):
                run = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=root)
                run.writelines(item.line() for item in sorted(piece, key=lambda item: item.path))
                run.seek(0)
                yield run
    except OSError as error:
        raise DataError(f"{path} cannot be sorted: {error.strerror}; free some disk space.") from None
