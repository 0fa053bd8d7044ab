"""Keeping a file to one process, by a lock that goes with its holder, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Not a POSIX system.
    fcntl = None

_held: set[int] = set()
"""Descriptors of the files that this process keeps."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a file to this process while a block runs; raises BlockingIOError where another one keeps it.

    The file stays as it is, so that nothing is left to clear away after a kill. Systems and file systems
    that know no such locks keep nothing. Raises OSError for a file that cannot be opened to be written.
    """
    descriptor = os.open(path, os.O_RDWR)
    _held.add(descriptor)
    try:
        if fcntl is None:
            # Such systems do not let go of the names of open files: the block might remove it.
            _let_go()
        else:
            _lock(descriptor)
        yield
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
