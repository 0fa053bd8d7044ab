"""Knowing inputs by content: what an earlier start made from other inputs is removed and made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cvgl_bench.data_tools.building.parts import Query
from cvgl_bench.data_tools.building.sheets import Sheet
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.views.images import Size

INPUTS = "build_inputs.json"
"""What each file of an unfinished or finished build was made from, by its path below the build's folder."""

HASHED = 1 << 16
"""Bytes at the start of a file that its digest covers, besides its size: metadata and the first rows."""


def tiles_made_from(pieces: Sequence[Sheet], suffix: str) -> dict[str, str]:
    """Return what tells each tile's image and place in it from others; not those of a pyramid."""
    made_from = {}
    for sheet in pieces:
        if sheet.image is None:
            continue
        image = _digest(sheet.image, sheet.frame, sheet.tile_size)
        for wanted in sheet.wanted(suffix):
            made_from[wanted.path] = f"{image} {sheet.corner(wanted.row, wanted.column)}"
    return made_from


def photos_made_from(queries: Sequence[Query], size: Size | None) -> dict[str, str]:
    """Return what tells each photo, its heading and stored size from others."""
    return {
        query.path: _digest(query.photo.path, size, query.photo.heading_deg if size else None)
        for query in queries
    }


def _digest(path: Path, *facts: object) -> str:
    """Return what tells an input from another one: the file's size and start, and facts about it."""
    try:
        with path.open("rb") as file:
            start = file.read(HASHED)
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    return hashlib.sha256(repr((size, *facts)).encode() + start).hexdigest()[:32]


def clear_stale(root: Path, kind: str, made_from: Mapping[str, str]) -> int:
    """Remove files of a kind that were made from other inputs or that nothing asks for; return how many.

    made_from: for each path below `root` that is asked for, the digest of its inputs. It is remembered
    before anything is made, so that a file is never older than what is remembered of it.
    """
    remembered, removed = _remembered(root), 0
    for path in [path for path, was in remembered.get(kind, {}).items() if made_from.get(path) != was]:
        if (root / path).is_file():
            (root / path).unlink()
            removed += 1
    remembered[kind] = dict(made_from)
    write_text(root / INPUTS, json.dumps(remembered, indent=0) + "\n")
    return removed


def _remembered(root: Path) -> dict[str, dict[str, str]]:
    path = root / INPUTS
    if not path.is_file():
        return {}
    try:
        remembered = json.loads(path.read_text(encoding="utf-8"))
        if all(_is_below(root, name) for made_from in remembered.values() for name in dict(made_from)):
            return remembered
    except (OSError, ValueError, TypeError, AttributeError):
        pass
    raise DataError(
        f"{path} is damaged, so that nobody knows what the files beside it were made from. Remove {root}, or "
        "choose another folder."
    )


def _is_below(root: Path, name: str) -> bool:
    return (root / name).resolve().is_relative_to(root.resolve())
