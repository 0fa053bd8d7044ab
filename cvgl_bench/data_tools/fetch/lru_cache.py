"""An LRU cache for threads: what many want is loaded once, and what was used longest ago is forgotten."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Loads a value when it is first wanted, and keeps it while all that is kept is small enough.

    load: from key to value; what it raises goes to everybody who waits, and is not kept.
    size: bytes of a value. most_bytes: forgetting begins beyond it; the newest value stays.
    """

    def __init__(
        self, load: Callable[[Key], Value], *, size: Callable[[Value], int], most_bytes: int
    ) -> None:
        self._load, self._size, self._most_bytes = load, size, most_bytes
        self._lock = threading.Lock()
        self._futures: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Value:
        """Return the value of a key, loading it unless another thread does or did."""
        with self._lock:
            future = self._futures.get(key)
            is_mine = future is None
            if future is None:
                future = self._futures[key] = Future()
            self._futures.move_to_end(key)
        if is_mine:
            self._fill(key, future)
        return future.result()

    def _fill(self, key: Key, future: Future[Value]) -> None:
        try:
            value = self._load(key)
        except BaseException as error:
            with self._lock:
                self._futures.pop(key, None)
            future.set_exception(error)
            return
        future.set_result(value)
        with self._lock:
            self._bytes += self._size(value)
            while self._bytes > self._most_bytes and len(self._futures) > 1:
                oldest = next(iter(self._futures))
                if not self._futures[oldest].done():
                    break
                self._bytes -= self._size(self._futures.pop(oldest).result())
