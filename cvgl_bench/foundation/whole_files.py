"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cvgl_bench.foundation.errors import CvglError, DataError

UNFINISHED = (".*.tmp", ".tmp*")
"""Names of files before they are whole: ours, and those that safetensors writes before renaming."""

_TAKEN = "{} exists and is never overwritten; choose another name."

SHOWN_NAME = 40
"""Characters of a file's name that its temporary name repeats, so that this one is never too long."""


def unfinished_name(path: Path) -> Path:
    """Return a new hidden name in the folder of `path`, for what takes the name of `path` when whole."""
    return path.with_name(f".{path.name[:SHOWN_NAME]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


@contextmanager
def written_whole(
    path: Path, *, exclusive: bool = False, error: type[CvglError] = DataError
) -> Iterator[Path]:
    """Give an empty file in the folder of `path` to write to; it takes the name of `path` at the end.

    By then its contents are on the disk: after a power cut the new name could else hold nothing. If the
    block raises, an earlier file stays as it is and nothing is left beside it; a killed process leaves a
    file that `remove_unfinished` removes.

    exclusive: refuse a file that exists, even one that another process makes meanwhile.
    Raises `error` where an OSError says that the file cannot be written.
    """
    temporary = unfinished_name(path)
    try:
        if exclusive and path.exists():
            raise error(_TAKEN.format(path))
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        if not exclusive:
            os.replace(temporary, path)
        elif not _take_free_name(temporary, path):
            raise error(_TAKEN.format(path))
    except OSError as reason:
        raise error(
            f"{path} cannot be written: {reason.strerror or reason}. Free space or choose another place."
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str, *, exclusive: bool = False, error: type[CvglError] = DataError) -> None:
    """Write a text file as UTF-8 with the line ends that it has, as `written_whole` does."""
    with written_whole(path, exclusive=exclusive, error=error) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left in a folder; no process may be writing there."""
    for pattern in UNFINISHED:
        for path in folder.glob(pattern):
            path.unlink()


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _take_free_name(temporary: Path, path: Path) -> bool:
    """Give a file a name unless it is taken; return whether it was free."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:
        # A file system without links: an empty file keeps the name for a moment.
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            return False
        os.replace(temporary, path)
    return True
