"""Work on a stream of jobs with a few threads, holding only what is under way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

WAITING_PER_THREAD = 4
_END = object()


class _Raised:
    """An exception on its way from a thread to the caller."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def in_threads(
    work: Callable[[Job], Done], jobs: Iterable[Job], *, threads: int, stop: threading.Event | None = None
) -> Iterator[Done]:
    """Yield `work(job)` of every job as they end, in no particular order.

    Jobs are drawn one by one. An exception in a job is raised here and ends the others; so does leaving
    the iteration early. `stop` is set then, which lets jobs that wait give up.
    """
    stop = stop or threading.Event()
    source, lock = iter(jobs), threading.Lock()
    results: queue.Queue[Any] = queue.Queue(WAITING_PER_THREAD * threads)

    def draw() -> Any:
        with lock:
            return next(source, _END)

    def loop() -> None:
        try:
            while not stop.is_set() and (job := draw()) is not _END:
                results.put(work(job))
        except BaseException as error:
            results.put(_Raised(error))
        finally:
            results.put(_END)

    pool = [threading.Thread(target=loop, daemon=True) for _ in range(threads)]
    for thread in pool:
        thread.start()
    running = threads
    try:
        while running:
            result = results.get()
            if result is _END:
                running -= 1
            elif isinstance(result, _Raised):
                raise result.error
            else:
                yield result
    finally:
        stop.set()
        while running:
            running -= results.get() is _END
        for thread in pool:
            thread.join()
