"""Ending because somebody asked to: one line that says what was kept, and the exit code of the signal."""

from __future__ import annotations

import signal
from types import FrameType


class StoppedError(Exception):
    """A command that Ctrl-C or SIGTERM ended; its text is all that is printed."""

    def __init__(self, reason: KeyboardInterrupt, kept: str = "") -> None:
        """Take the number of a signal from what it raised: none is that of Ctrl-C."""
        number = reason.args[0] if reason.args else signal.SIGINT
        self.exit_code = 128 + number
        """As shells have it: 128 and the number of the signal."""
        super().__init__(f"Stopped. {kept}".rstrip())


def terminated(number: int, frame: FrameType | None) -> None:
    """Do as Ctrl-C does, so that what is half-written is removed and no process stays behind."""
    raise KeyboardInterrupt(number)
