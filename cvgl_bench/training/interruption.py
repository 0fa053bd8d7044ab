"""Ending a run between two steps when it is asked to end, as a terminal or a job scheduler does."""

from __future__ import annotations

import signal
import threading
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Holds Ctrl-C and SIGTERM back while a block runs: `asked` says that one came.

    Only the first is held back; a second one, from somebody in a hurry, does what it always does.
    Signals reach the main thread alone, so in another nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _ask(self, number: int, frame: Any) -> None:
        self.asked = True
        self.__exit__()
