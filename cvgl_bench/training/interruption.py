"""Ending a run between two steps when it is asked to end, as a terminal or a job scheduler does."""

from __future__ import annotations

import signal
import threading
from typing import Any

from cvgl_bench.foundation.group import ALONE, ProcessGroup

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Holds Ctrl-C and SIGTERM back while a block runs: `agreed()` says that one came to any process.

    Only the first is held back; a second one, from somebody in a hurry, does what it always does. Of several
    processes each holds back all, for a launcher passes on what a terminal or scheduler has sent already.
    Signals reach the main thread alone, so in another nothing is changed.
    """

    def __init__(self, group: ProcessGroup = ALONE) -> None:
        self.number: int = signal.SIGTERM
        """The signal that came; SIGTERM where it came to another process."""
        self._asked, self._group = False, group
        self._handlers: dict[int, Any] = {}

    def agreed(self) -> bool:
        """Return whether any process was asked to end; all processes must ask this together."""
        return self._group.any(self._asked)

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _ask(self, number: int, frame: Any) -> None:
        self._asked, self.number = True, number
        if self._group.count == 1:
            self.__exit__()
