"""The folder for what can be made again: generated worlds, stored embeddings, checks that passed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.locks import LOCK, is_kept, locked

EMBEDDINGS, WORLDS, VERIFIED = "embeddings", "worlds", "verified"
KINDS = (EMBEDDINGS, WORLDS, VERIFIED)
"""Folders inside the cache folder, one for each kind of entry."""

MANIFEST = "manifest.json"
"""What an entry is, in a file inside it; its `title` is what a list shows."""

STARTING_S = 60.0
"""After so long without a write, an unfinished entry without a lock was left behind by a killed process."""


@dataclass(frozen=True)
class CacheEntry:
    """One thing in the cache: a folder or a file.

    used: when it was last used, or written to while unfinished, in seconds since 1970. whole: False
    for what a process is still writing, or never finished.
    """

    kind: str
    path: Path
    title: str
    bytes: int
    used: float
    whole: bool

    @property
    def idle_s(self) -> float:
        """Seconds since it was used or written to."""
        return time.time() - self.used

    @property
    def in_progress(self) -> bool:
        """Whether a process is writing it: its lock is held, or it is so new that it may have none yet."""
        if self.whole:
            return False
        return is_kept(self.path) if (self.path / LOCK).exists() else self.idle_s < STARTING_S


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$CVGL_CACHE`, else `$XDG_CACHE_HOME/cvgl-bench`, else `~/.cache/cvgl-bench`."""
    if environ.get("CVGL_CACHE"):
        return Path(environ["CVGL_CACHE"])
    base = environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "cvgl-bench"
    except RuntimeError:
        raise DataError(
            "There is no home directory to keep a cache in. Set CVGL_CACHE to a folder."
        ) from None


def entries(folder: Path, kind: str) -> list[CacheEntry]:
    """Return the entries of a kind in a cache folder, the least recently used first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in (folder / kind).iterdir():
            # Another process may remove or rename an entry at any moment.
            with contextlib.suppress(FileNotFoundError):
                found.append(_entry(kind, path))
    return sorted(found, key=lambda entry: (entry.used, entry.path.name))


def mark_used(path: Path) -> None:
    """Note that an entry was used now; in a cache that only others may write, nothing happens."""
    with contextlib.suppress(OSError):
        os.utime(path)


def remove(entry: CacheEntry) -> None:
    """Remove an entry, taking it out of sight first; what cannot be removed stays. Raises OSError.

    An unfinished one is kept meanwhile, so that nobody begins to write there: BlockingIOError where
    somebody has.
    """
    if not entry.path.is_dir():
        entry.path.unlink(missing_ok=True)
        return
    lock = entry.path / LOCK
    with locked(lock) if lock.exists() else contextlib.nullcontext():
        _remove_folder(entry)


def _remove_folder(entry: CacheEntry) -> None:
    doomed = entry.path.with_name(f".{entry.path.name.lstrip('.')}.{os.getpid()}.removed")
    os.rename(entry.path, doomed)
    shutil.rmtree(doomed)


def _entry(kind: str, path: Path) -> CacheEntry:
    inside = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
    states = [file.stat() for file in (inside if path.is_dir() else [path])]
    whole = not path.name.startswith(".")
    used = path.stat().st_mtime
    if not whole:
        used = max([used, *(state.st_mtime for state in states)])
    return CacheEntry(kind, path, _title(path), sum(state.st_size for state in states), used, whole)


def _title(path: Path) -> str:
    """Return what the entry's manifest calls it, else its name."""
    try:
        return str(json.loads((path / MANIFEST).read_text(encoding="utf-8"))["title"])
    except (OSError, ValueError, KeyError, TypeError):
        return path.name
