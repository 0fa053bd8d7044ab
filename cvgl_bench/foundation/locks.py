"""Keeping a file or a folder to one process, by a lock that goes with its holder, however that ends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Not a POSIX system.
    fcntl = None  # type: ignore[assignment]  # mypy knows the module of the system it runs on alone

LOCK = ".lock"
"""The file in a folder of unfinished work that its writer keeps locked."""

_held: set[int] = set()
"""Descriptors of the files that this process keeps."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a file to this process while a block runs; raises BlockingIOError where another one keeps it.

    The file stays as it is, so that nothing is left to clear away after a kill. Systems and file systems
    that know no such locks keep nothing. Raises OSError for a file that cannot be opened to be written.
    """
    with _kept(os.open(path, os.O_RDWR), wait=False):
        yield


@contextmanager
def workplace(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Keep a folder for unfinished work to this process; it is empty but for its lock, and gone afterwards.

    What a killed process left in it is removed. Another process that keeps it is waited for, or else
    BlockingIOError raised. Raises OSError where it cannot be made.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # Another process has removed it just now.
        with _kept(descriptor, wait=wait):
            # While this one waited, the folder may have been removed, and made again by a third.
            if not _is_open(folder / LOCK, descriptor):
                continue
            try:
                for left in folder.iterdir():
                    if left.name != LOCK:
                        shutil.rmtree(left) if left.is_dir() else left.unlink()
                yield
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def is_kept(folder: Path) -> bool:
    """Return whether a process keeps a folder as its `workplace`."""
    try:
        with locked(folder / LOCK):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def _kept(descriptor: int, *, wait: bool) -> Iterator[None]:
    _held.add(descriptor)
    try:
        if fcntl is None:
            # Such systems do not let go of the names of open files: the block might remove it.
            _let_go()
        else:
            _lock(descriptor, wait=wait)
        yield
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
            os.close(descriptor)


def _is_open(path: Path, descriptor: int) -> bool:
    """Return whether a path names the file that a descriptor belongs to; on systems without locks, always."""
    if fcntl is None:
        return True
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    return False


def _lock(descriptor: int, *, wait: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:
        pass  # A network disk without locks is no reason to refuse the work.


def _let_go() -> None:
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    # A worker that outlives its killed parent must not keep what it inherited.
    os.register_at_fork(after_in_child=_let_go)
