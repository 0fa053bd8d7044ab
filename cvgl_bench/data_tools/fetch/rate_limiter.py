"""How fast a server is asked: evenly spaced requests, and a rest for all when it asks for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RateLimiter:
    """Spaces requests evenly over all threads.

    rate_per_s: most requests a second; 0 for no limit.
    clock: seconds that only grow; tests bring their own.
    """

    def __init__(self, rate_per_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 1 / rate_per_s if rate_per_s > 0 else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._next_s = clock()

    def reserve(self) -> float:
        """Take the next free moment and return the seconds until then."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next_s)
            self._next_s = start + self._interval_s
            return start - now

    def rest(self, seconds: float) -> None:
        """Let nobody start a request for `seconds` from now."""
        with self._lock:
            self._next_s = max(self._next_s, self._clock() + seconds)
