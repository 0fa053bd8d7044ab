"""A fault put into the package on purpose, and whether tests find it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).parents[2]
COPIED = ("cvgl_bench", "tests", "datasets", "pyproject.toml")

PATIENCE_S = 600
"""A fault that keeps the tests busy for longer has been noticed."""

FAILED, PASSED = 1, 0
"""pytest's exit codes; any other says that tests could not be run."""

Fate = Literal["killed", "survived", "broken"]


@dataclass(frozen=True)
class Mutant:
    """A fault: in `file`, `old`, which occurs there once, becomes `new`; `why` says what is wrong then."""

    file: str
    old: str
    new: str
    why: str

    def applied(self, root: Path) -> str:
        """Return the file's text with the fault; raises ValueError unless `old` is there exactly once."""
        text = (root / self.file).read_text(encoding="utf-8")
        count = text.count(self.old)
        if count != 1:
            raise ValueError(f"'{self.why}': {self.file} holds the text to replace {count} times, not once.")
        return text.replace(self.old, self.new)


def copy_package(folder: Path) -> None:
    """Copy what tests need into a folder, so that faults never reach the working tree."""
    for name in COPIED:
        source, target = REPOSITORY / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def import_libraries() -> None:
    """Import what every run of the tests would import for itself, which takes longer than they do."""
    import click  # noqa: F401
    import cv2  # noqa: F401
    import pandas  # noqa: F401
    import pydantic  # noqa: F401
    import pytest  # noqa: F401
    import scipy.spatial  # noqa: F401
    import scipy.stats  # noqa: F401
    import timm  # noqa: F401
    import torch._dynamo  # noqa: F401  The first optimiser imports it.


def fate_of(mutant: Mutant | None, folder: Path, tests: Sequence[str]) -> tuple[Fate, str]:
    """Run tests in a copy of the package with a fault (None for none); return its fate and who found it."""
    if mutant is None:
        return _fate(folder, tests)
    path = folder / mutant.file
    whole, faulty = path.read_text(encoding="utf-8"), mutant.applied(folder)
    try:
        _write(path, faulty)
        return _fate(folder, tests)
    finally:
        _write(path, whole)


def _write(path: Path, text: str) -> None:
    """Write a module; what was compiled of it goes, since a file's time may not tell two texts apart."""
    path.write_text(text, encoding="utf-8")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)


def _fate(folder: Path, tests: Sequence[str]) -> tuple[Fate, str]:
    """Run tests in a fork of this process, which must not have computed with torch yet."""
    output = folder / "output.txt"
    child = os.fork()
    if child == 0:
        _run_tests(folder, tests, output)
    code = _wait(child)
    if code is None:
        return "killed", f"tests that did not end in {PATIENCE_S} s"
    if code == PASSED:
        return "survived", ""
    lines = output.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    by = found[0].split(" - ")[0].partition(" ")[2] if found else "\n".join(lines[-20:])
    return ("killed" if code == FAILED and found else "broken"), by


def _wait(child: int) -> int | None:
    """Return a child's exit code, or None for one that had to be stopped."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_tests(folder: Path, tests: Sequence[str], output: Path) -> None:
    """Run tests of the copy in `folder` with their output in a file; ends the process."""
    import pytest

    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.chdir(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("cvgl_bench", "tests")]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    import cvgl_bench

    in_copy = Path(cvgl_bench.__file__).is_relative_to(folder)
    # timm comes with a library that has a plugin for pytest, which is then imported before pytest knows it.
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    line = ["-x", "-q", "-p", "no:cacheprovider", "-rfE", *quiet, *tests]
    code = pytest.main(line) if in_copy else "not the copy"
    sys.stdout.flush()
    os._exit(int(code) if in_copy else 3)
