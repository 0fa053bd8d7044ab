"""The files of a folder of photos: which are photos, which are left out, and which one a name means."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
COMPANION_FOLDERS = ("@eaDir", "__MACOSX", "$RECYCLE.BIN")
"""Folders in which a network disk, an archive and a system keep what belongs to photos and is none."""

NOT_IN_TABLE = "not in the table"


def is_companion(path: Path) -> bool:
    """Return whether a system has left a file beside others: a hidden one, or one in such a folder."""
    return path.name.startswith(".") or any(
        part.startswith(".") or part in COMPANION_FOLDERS for part in path.parts[:-1]
    )


def files_in(folder: Path) -> list[Path]:
    """Return the files below a folder, relative to it and in order, companions left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not is_companion(path))


def is_image(path: Path) -> bool:
    """Return whether a file's ending is that of an image of any kind."""
    from PIL import Image

    return path.suffix.lower() in OTHER_IMAGES or path.suffix.lower() in Image.registered_extensions()


OTHER_IMAGES = (
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".orf",
    ".rw2",
    ".insp",
)
"""What phones and cameras write and Pillow may not know."""


def left_out(folder: Path, *, used: Iterable[Path], from_table: bool) -> dict[str, int]:
    """Return how many files of a folder are no queries, by their ending, or as photos that no table names."""
    named = {path.as_posix() for path in used}
    kinds: Counter[str] = Counter()
    for path in files_in(folder):
        is_photo = path.suffix.lower() in SUFFIXES
        if is_photo and from_table and path.as_posix() not in named:
            kinds[NOT_IN_TABLE] += 1
        elif not is_photo and (from_table or not is_image(path)):
            kinds[path.suffix.lower() or path.name] += 1
    return dict(sorted(kinds.items()))


class PhotoNames:
    """The files of a folder by name, however a system writes them.

    A table from another computer may hold another Unicode form of a name (macOS decomposes letters) or
    other capitals (Windows knows no difference).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._alike: dict[str, list[str]] | None = None

    def find(self, name: str) -> Path:
        """Return the file of that name; of another form of the name where only one file has that."""
        exact = self._folder / name
        if exact.exists():
            return exact
        if self._alike is None:
            self._alike = defaultdict(list)
            for path in files_in(self._folder):
                self._alike[_folded(path.as_posix())].append(path.as_posix())
        alike = self._alike.get(_folded(name), [])
        return self._folder / alike[0] if len(alike) == 1 else exact


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
