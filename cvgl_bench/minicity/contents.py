"""What a world's folder holds, in three numbers that a glance at it gives."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

LIST_SUFFIX = ".txt"


class Contents(NamedTuple):
    """How many images a world has, their bytes together, and the SHA-256 of its label lists."""

    images: int
    bytes: int
    lists: str


def contents(root: Path) -> Contents:
    """Return what a world's folder holds; images are not opened. Raises OSError."""
    images = bytes_ = 0
    digest = hashlib.sha256()
    for folder, folders, _ in os.walk(root):
        folders.sort()
        if Path(folder) == root:
            continue
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.is_file() and entry.name.endswith(LIST_SUFFIX):
                place = Path(entry.path).relative_to(root).as_posix()
                digest.update(f"{place}\n".encode() + Path(entry.path).read_bytes())
            elif entry.is_file():
                images, bytes_ = images + 1, bytes_ + entry.stat().st_size
    return Contents(images, bytes_, digest.hexdigest())
