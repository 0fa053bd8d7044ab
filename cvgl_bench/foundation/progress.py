"""Progress on long work: a bar on a terminal; elsewhere a line at once and one every half minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import rich.progress

EVERY_S = 30.0
"""Seconds between two lines where there is no terminal."""

SETTLED_S = 2.0
"""A bar shows rate and time left so long after the first item: before, the time of a few says nothing."""

NOTE_EVERY_S = 1.0
"""Seconds between two notes beside a bar: what they tell of may have to be fetched from a GPU."""

Note = Callable[[], str]
"""Gives what else there is to say of the work."""


def no_note() -> str:
    """Say nothing."""
    return ""


class Progress(Protocol):
    """What long work reports to."""

    def advance(self, count: int = 1, *, note: Note = no_note) -> None:
        """Report `count` further items done; `note` is asked for what else to say where it is shown."""

    def set_total(self, total: int) -> None:
        """Say how many items there are, where that was not known at the start."""


class Silent:
    """Progress that nobody watches."""

    def advance(self, count: int = 1, *, note: Note = no_note) -> None:
        """Do nothing."""

    def set_total(self, total: int) -> None:
        """Do nothing."""


class _Lines:
    """Lines on standard error with items done, rate and time left."""

    def __init__(self, total: int | None, title: str, *, done: int) -> None:
        self._total, self._title, self._done, self._before = total, title, done, done
        self._began_s = self._said_s = time.monotonic()
        of = f"{total - done:,} to do" if total else "begins"
        self._say(of)

    def advance(self, count: int = 1, *, note: Note = no_note) -> None:
        self._done += count
        now_s = time.monotonic()
        if now_s - self._said_s >= EVERY_S:
            self._said_s = now_s
            self._say(", ".join(filter(None, (self._reached(now_s - self._began_s), note()))))

    def set_total(self, total: int) -> None:
        self._total = total

    def _reached(self, seconds: float) -> str:
        rate = (self._done - self._before) / seconds
        if not self._total:
            return f"{self._done:,} done, {rate:.3g}/s"
        left_s = (self._total - self._done) / rate if rate else float("inf")
        left = f"{duration(left_s)} left" if left_s < float("inf") else "time left unknown"
        share = 100 * self._done / self._total
        return f"{self._done:,} of {self._total:,} ({share:.0f} %), {rate:.3g}/s, {left}"

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{self._title}: {text}\n")
        sys.stderr.flush()


class _Bar:
    def __init__(self, bar: rich.progress.Progress, task: rich.progress.TaskID) -> None:
        self._bar, self._task = bar, task
        self._noted_s = -NOTE_EVERY_S
        self._first_s: float | None = None

    def advance(self, count: int = 1, *, note: Note = no_note) -> None:
        now_s = time.monotonic()
        if self._first_s is None:
            self._first_s = now_s
        self._bar.update(self._task, advance=count, settled=now_s - self._first_s >= SETTLED_S)
        if now_s - self._noted_s >= NOTE_EVERY_S:
            self._noted_s = now_s
            self._bar.update(self._task, note=note())

    def set_total(self, total: int) -> None:
        self._bar.update(self._task, total=total)


def duration(seconds: float) -> str:
    """Return a length of time as people write it: '0:07', '12:30', '3:05:00'.

    >>> duration(7), duration(750.4), duration(11100)
    ('0:07', '12:30', '3:05:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def progress(total: int | None, title: str, *, done: int = 0, shown: bool = True) -> Iterator[Progress]:
    """Show how far the block has come, on standard error.

    A bar with rate and time left on a terminal; elsewhere, such as in the log of a batch job, one line
    at once and one every 30 seconds. Nothing where `shown` is False, as in all processes of a run but one.
    done: items that were done before, which say nothing of the rate.
    """
    if not shown:
        yield Silent()
        return
    if not sys.stderr.isatty():
        yield _Lines(total, title, done=done)
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        *_rate_columns(),
        rich_progress.TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    with rich_progress.Progress(*columns, console=console, transient=True, get_time=time.monotonic) as bar:
        yield _Bar(bar, bar.add_task(title, total=total, completed=done, note="", settled=False))


def _rate_columns() -> list[rich.progress.ProgressColumn]:
    from rich import progress as rich_progress
    from rich.text import Text

    class Speed(rich_progress.ProgressColumn):
        def render(self, task: rich.progress.Task) -> str:
            return f"{task.speed:.1f}/s" if task.fields["settled"] and task.speed else ""

    class Left(rich_progress.TimeRemainingColumn):
        def render(self, task: rich.progress.Task) -> Text:
            return super().render(task) if task.fields["settled"] else Text("")

    return [Speed(), Left()]
