"""Embeddings kept on disk, so that nothing is embedded twice; ranked from there without loading them.

An entry is a folder, named after its key, with the rows in NumPy's format and a manifest that repeats
the key and the rows' hash. It is written under another name and renamed when whole, so that a killed
process leaves nothing that counts, and of two processes that write the same entry either may win.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.splits import Split
from cvgl_bench.embedding.images import Keep, gather
from cvgl_bench.embedding.keys import Facts, split_facts
from cvgl_bench.foundation import cache
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.foundation.locks import workplace
from cvgl_bench.foundation.whole_files import unfinished_name
from cvgl_bench.method import View
from cvgl_bench.networks.checkpoints import file_sha256

ROWS = "embeddings.npy"
FORMAT = 1
"""Grows when entries of earlier versions must not be read."""

NAME_LENGTH = 32
"""Hexadecimal digits of a key's hash that name its folder; the manifest repeats the whole key."""

ATTEMPTS = 3
"""How often to put a new entry in the place of a damaged one while other processes do the same."""


class Embed(Protocol):
    """`embed_split` with everything given but the view and what to do with the batches."""

    def __call__(self, *, view: View, keep: Keep = gather) -> NDArray[np.float32]:
        """Return the embeddings of a view."""


class EmbeddingStore:
    """The stored embeddings in a cache folder, an LRU cache on disk.

    limit_bytes: what all entries together may take; the least recently used make room for new ones.
    context: facts that every key of this store holds, such as the data set and its label edition.
    say: receives what the person should know.
    """

    def __init__(
        self,
        cache_folder: Path,
        *,
        limit_bytes: float,
        context: Mapping[str, Any],
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._cache, self._folder = cache_folder, cache_folder / cache.EMBEDDINGS
        self._limit_bytes, self._context, self._say = limit_bytes, dict(context), say
        self.reused: list[View] = []
        """Views whose embeddings were there already."""

    def embed(
        self, embed: Embed, facts: Facts, split: Split, *, view: View, group: ProcessGroup = ALONE
    ) -> NDArray[np.float32]:
        """Return the embeddings of a view, read-only and memory-mapped: stored ones, or new ones once stored.

        facts: of method and machine. group: processes that embed together; the first alone reads and writes,
        the others get rows in memory. Where they cannot be stored they are returned all the same.
        """
        key = _plain({"format": FORMAT, **self._context, **facts, **split_facts(split, view)})
        found = group.first_says(lambda: self._found(key, view))
        if found is not None:
            return found
        if group.count == 1:
            return self._made(embed, key, view)
        rows = embed(view=view)
        return self._made(partial(_made_already, rows), key, view) if group.first else rows

    def _found(self, key: Facts, view: View) -> NDArray[np.float32] | None:
        """Return stored rows, if there are any that are whole."""
        found, fault = self._read(key)
        if found is not None:
            cache.mark_used(self._place(key))
            self.reused.append(view)
            self._say(f"  {_view_name(view)}: {len(found):,} embeddings from the store")
        elif fault:
            self._say(f"  {_view_name(view)}: the stored embeddings are damaged ({fault}) and made again")
        return found

    def _made(self, embed: Embed, key: Facts, view: View) -> NDArray[np.float32]:
        """Return new rows, stored if they can be."""
        try:
            return embed(view=view, keep=partial(self._write, key))
        except OSError as error:
            reason = error.strerror or error
            self._say(
                f"  {_view_name(view)}: not stored in {self._folder} ({reason}); kept in memory instead"
            )
            return embed(view=view)

    def _place(self, key: Facts) -> Path:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:NAME_LENGTH]
        return self._folder / name

    def _read(self, key: Facts) -> tuple[NDArray[np.float32] | None, str]:
        """Return the rows of an entry, or None and what is wrong with it where there is one."""
        place = self._place(key)
        try:
            manifest = json.loads((place / cache.MANIFEST).read_text(encoding="utf-8"))
            rows = np.load(place / ROWS, mmap_mode="r", allow_pickle=False)
            if manifest["key"] != key:
                return None, "its manifest names something else"
            if list(rows.shape) != manifest["shape"] or rows.dtype != np.float32:
                return None, f"it holds {rows.dtype} of shape {rows.shape}"
            if file_sha256(place / ROWS) != manifest["sha256"]:
                return None, "its contents have changed"
        except FileNotFoundError:
            return None, "a file is missing" if place.is_dir() else ""
        except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
            return None, str(error)
        return rows, ""

    def _write(self, key: Facts, batches: Iterator[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
        """Write batches as they come, so that memory does not grow with their number, and map the whole."""
        first = next(batches)
        shape = (count, first.shape[1])
        size = count * first[0].nbytes
        if size > self._limit_bytes:
            view = _view_name(key["view"])
            self._say(f"  {view}: not stored; {size / 1e9:.1f} GB are more than `store_gb` allows")
            return gather(chain([first], batches), count)
        self._make_room(size)
        place = self._place(key)
        unfinished = unfinished_name(place)
        # Nobody else writes under this name, but somebody may look just now whether anybody does.
        with workplace(unfinished, wait=True):
            whole = unfinished / place.name
            whole.mkdir()
            _write_rows(whole / ROWS, chain([first], batches), shape)
            manifest = {
                "title": _title(key),
                "key": key,
                "shape": shape,
                "sha256": file_sha256(whole / ROWS),
            }
            text = json.dumps(manifest, indent=2) + "\n"
            (whole / cache.MANIFEST).write_text(text, encoding="utf-8")
            return self._publish(whole, key)

    def _publish(self, whole: Path, key: Facts) -> NDArray[np.float32]:
        """Rename a whole entry into its place, unless another process was first, and return its rows."""
        place = self._place(key)
        for _ in range(ATTEMPTS):
            try:
                os.rename(whole, place)
                return np.load(place / ROWS, mmap_mode="r", allow_pickle=False)
            except OSError:
                if not place.is_dir():
                    raise
            found, _ = self._read(key)
            if found is not None:
                return found
            shutil.rmtree(place, ignore_errors=True)
        raise OSError(errno.EEXIST, "another process keeps writing the same entry")

    def _make_room(self, size: int) -> None:
        """Remove what killed processes left behind, and the least recently used until `size` fits."""
        stored = cache.entries(self._cache, cache.EMBEDDINGS)
        total = sum(entry.bytes for entry in stored)
        for entry in stored:
            abandoned = not entry.whole and not entry.in_progress
            if abandoned or (entry.whole and total + size > self._limit_bytes):
                with contextlib.suppress(FileNotFoundError, BlockingIOError):
                    cache.remove(entry)
                total -= entry.bytes
        self._folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < size:
            raise OSError(errno.ENOSPC, f"{size / 1e9:.1f} GB do not fit on the disk")


def _made_already(rows: NDArray[np.float32], *, view: View, keep: Keep = gather) -> NDArray[np.float32]:
    """Stand in for `embed_split` where the rows are there."""
    return keep(iter([rows]), len(rows))


def _write_rows(path: Path, batches: Iterator[NDArray[np.float32]], shape: tuple[int, int]) -> None:
    # Written rather than mapped: a disk that fills up under a mapped file kills the process.
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            file.write(np.ascontiguousarray(batch, "<f4").data)
        file.flush()
        os.fsync(file.fileno())


def _plain(key: Facts) -> Facts:
    """Return a key in the types that JSON gives back."""
    return json.loads(json.dumps(key, default=str))


def _title(key: Facts) -> str:
    parts = [key["method"], key.get("dataset"), key.get("split"), key.get("label_edition")]
    variant = [] if key["variant"] == "none" else [key["variant"]]
    return " ".join(
        filter(None, [*parts, _view_name(key["view"]), *variant, f"weights {key['weights'][:12]}"])
    )


def _view_name(view: View) -> str:
    return "queries" if view == "query" else "references"
