"""Progress on long work: a bar with rate and time left on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What long work reports to."""

    def advance(self, count: int = 1) -> None:
        """Report `count` further items done."""

    def set_total(self, total: int) -> None:
        """Say how many items there are, where that was not known at the start."""


class Silent:
    """Progress that nobody watches."""

    def advance(self, count: int = 1) -> None:
        """Do nothing."""

    def set_total(self, total: int) -> None:
        """Do nothing."""


class _Bar:
    def __init__(self, bar, task) -> None:
        self._bar, self._task = bar, task

    def advance(self, count: int = 1) -> None:
        self._bar.advance(self._task, count)

    def set_total(self, total: int) -> None:
        self._bar.update(self._task, total=total)


@contextmanager
def progress(total: int | None, title: str) -> Iterator[Progress]:
    """Show a bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        _speed_column(rich_progress),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, bar.add_task(title, total=total))


def _speed_column(rich_progress):
    class Speed(rich_progress.ProgressColumn):
        def render(self, task):
            return f"{task.speed:.1f}/s" if task.speed else ""

    return Speed()
