"""Decode images whole, and remember which were, so that an interrupted check goes on where it was."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from cvgl_bench.foundation.cache import VERIFIED
from cvgl_bench.foundation.errors import DataError

TAIL_BYTES = 4096
"""Read from the end of a file: enough to see whether it ends as its format does, and to tell it apart."""

ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
"""What the last bytes of a whole file of a format contain."""


def decoding_fault(path: Path) -> str | None:
    """Return why an image cannot be decoded, or None."""
    from cvgl_bench.views.images import read_image

    try:
        read_image(path)
    except DataError as error:
        return f"cannot be decoded: {error}"
    return None


def ends_well(format: str, tail: bytes) -> bool:
    """Return whether the last bytes of a file are those of a whole image, where the format has such."""
    return format not in ENDS or ENDS[format] in tail


class Decoded:
    """The record of images that were decoded: files of the same size and time are not decoded again.

    A line is appended after each image, so that a killed check loses nothing.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._known = _known(record)
        self._lock = threading.Lock()
        self.decoded = 0
        self.skipped = 0

    def __enter__(self) -> Decoded:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._record.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fault(self, path: Path, name: str) -> str | None:
        """Decode an image unless it was decoded before; return what is wrong with it, or None."""
        status = path.stat()
        key = [name, status.st_size, status.st_mtime_ns]
        if self._known.get(name) == key:
            with self._lock:
                self.skipped += 1
            return None
        fault = decoding_fault(path)
        with self._lock:
            self.decoded += 1
            if fault is None:
                self._file.write(json.dumps(key) + "\n")
                self._file.flush()
        return fault


def record_of(root: Path, cache: Path) -> Path:
    """Return where the record of a data set's folder is kept."""
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:16]
    return cache / VERIFIED / f"{digest}.jsonl"


def _known(record: Path) -> dict[str, list[Any]]:
    if not record.is_file():
        return {}
    known = {}
    with record.open(encoding="utf-8") as file:
        for line in file:
            try:
                key = json.loads(line)
                known[key[0]] = key
            except (json.JSONDecodeError, IndexError, TypeError, KeyError):
                # The last line of a killed check may be torn; that image is decoded again.
                continue
    return known
