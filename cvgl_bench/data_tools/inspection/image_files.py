"""Check that every listed image is there, whole, of the usual size, and unlike the others."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from cvgl_bench.data.layouts.findings import Findings, Listed, ProblemKind
from cvgl_bench.data.layouts.presence import names_in, read_header
from cvgl_bench.data_tools.inspection.decoding import TAIL_BYTES, Decoded, decoding_fault, ends_well
from cvgl_bench.foundation.progress import Progress
from cvgl_bench.method import View

FILES_AT_ONCE = 32
"""Files that a thread takes at a time: handing over every one of them would take longer than looking."""

READ_BYTES = 1 << 20


class Look(NamedTuple):
    """What a look at a file told: its size in pixels, a digest of its length and end, what is wrong."""

    size_px: tuple[int, int]
    digest: bytes
    fault: str | None


def check_images(
    found: Findings,
    root: Path,
    files: Mapping[str, Listed],
    *,
    decoded: Decoded | None,
    one_size: Sequence[View],
    by_card: Mapping[View, tuple[int, int] | None],
    copies: bool,
    bar: Progress,
) -> None:
    """Look at every one of `files`, by path, taking problems down in `found`.

    decoded: decodes the images it does not know yet; None looks at headers and ends only. one_size:
    views of which all images should have one size. by_card: the height and width that the card states;
    another size that all images share is noted, since a copy may have been shrunk on purpose. copies: look
    for files of the same content.
    """
    present = list(_present(found, root, files))
    if files and not present:
        found.notes.append("no image is there; --no-images checks lists and labels alone")
    bar.set_total(len(present))
    sizes: dict[View, dict[str, tuple[int, int]]] = defaultdict(dict)
    alike: dict[bytes, list[str]] = defaultdict(list)
    for item, look in _looks(root, present, decoded, bar):
        if look.fault:
            _add(found, "image", item, look.fault)
        else:
            sizes[item.view][item.path] = look.size_px
            alike[look.digest].append(item.path)
    found.checked["images"] = len(present)
    if decoded is not None:
        found.checked["images decoded"] = decoded.decoded
        found.checked["images decoded before"] = decoded.skipped
    for view in one_size:
        _check_sizes(found, files, sizes[view], by_card.get(view))
    for paths in alike.values() if copies else ():
        _check_copies(found, root, files, paths)


def _add(found: Findings, kind: ProblemKind, item: Listed, reason: str) -> None:
    found.add(kind, item.path, f"{reason} (named by {item.source}, line {item.line})")


def _present(found: Findings, root: Path, files: Mapping[str, Listed]) -> Iterator[Listed]:
    """Yield the files that are there; a folder without any of its files is named once."""
    listed: dict[str, list[Listed]] = defaultdict(list)
    for path, item in files.items():
        listed[path.rpartition("/")[0]].append(item)
    for folder, items in listed.items():
        names = names_in(root / folder)
        there = [item for item in items if item.path[len(folder) + 1 :] in names]
        yield from there
        if not there and len(items) > 1:
            state = "holds none of them" if (root / folder).is_dir() else "does not exist"
            reason = f"{len(items):,} images are listed, but the folder {state}"
            _add(found, "missing", items[0]._replace(path=folder), reason)
            continue
        for item in items:
            if item.path[len(folder) + 1 :] not in names:
                _add(found, "missing", item, "does not exist")
        unlisted = sorted(name for name in names if f"{folder}/{name}" not in files)
        if unlisted:
            found.notes.append(f"{len(unlisted)} files in {folder} are in no list, such as {unlisted[0]}")


def _looks(
    root: Path, items: Sequence[Listed], decoded: Decoded | None, bar: Progress
) -> Iterator[tuple[Listed, Look]]:
    """Yield a look at each file, in order; files are opened in parallel, since most time is waiting."""
    blocks = [items[start : start + FILES_AT_ONCE] for start in range(0, len(items), FILES_AT_ONCE)]

    def look_at(block: Sequence[Listed]) -> list[Look]:
        looks = [_look(root, item, decoded) for item in block]
        bar.advance(len(block))
        return looks

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for block, looks in zip(blocks, pool.map(look_at, blocks), strict=True):
            yield from zip(block, looks, strict=True)


def _look(root: Path, item: Listed, decoded: Decoded | None) -> Look:
    path = root / item.path
    header = read_header(path)
    if header.fault:
        return Look(header.size_px, b"", header.fault)
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - TAIL_BYTES))
        tail = file.read()
    fault = None
    if decoded is not None:
        fault = decoded.fault(path, item.path)
    elif not ends_well(header.format, tail):
        fault = decoding_fault(path)
    return Look(header.size_px, hashlib.blake2b(b"%d " % length + tail, digest_size=16).digest(), fault)


def _check_sizes(
    found: Findings,
    files: Mapping[str, Listed],
    sizes: Mapping[str, tuple[int, int]],
    by_card: tuple[int, int] | None,
) -> None:
    if not sizes:
        return
    (usual, count), *_ = Counter(sizes.values()).most_common(1)
    if by_card is not None and usual != tuple(by_card):
        view = files[next(iter(sizes))].view
        found.notes.append(
            f"{view} images are {usual[1]} x {usual[0]} px where the card says {by_card[1]} x {by_card[0]}"
        )
    for path, size in sizes.items():
        if size != usual:
            _add(
                found,
                "size",
                files[path],
                f"is {size[1]} x {size[0]} px where {count} others are {usual[1]} x {usual[0]}",
            )


def _check_copies(found: Findings, root: Path, files: Mapping[str, Listed], paths: Sequence[str]) -> None:
    """Name files of one content; `paths` have one length and end, so that few are read whole."""
    if len(paths) < 2:
        return
    first: dict[bytes, str] = {}
    for path in paths:
        digest = _digest(root / path)
        if digest in first:
            _add(found, "copy", files[path], f"has the same content as {first[digest]}")
        first.setdefault(digest, path)


def _digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.digest()
