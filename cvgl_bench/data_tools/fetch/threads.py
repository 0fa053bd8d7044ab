"""Work on a stream of jobs with a few threads, holding only what is under way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Job = TypeVar("Job")
Done = TypeVar("Done")

WAITING_PER_THREAD = 4


def in_threads(
    work: Callable[[Job], Done], jobs: Iterable[Job], *, threads: int, stop: threading.Event | None = None
) -> Generator[Done, None, None]:
    """Yield `work(job)` of every job as they end, in no particular order.

    Jobs are drawn one by one. An exception in a job is raised here and ends the others; so does leaving
    the iteration early. `stop` is set then, which lets jobs that wait give up.
    """
    stop = stop or threading.Event()
    source, under_way = iter(jobs), 0
    finished: queue.SimpleQueue[Future[Done]] = queue.SimpleQueue()
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                for job in () if stop.is_set() else islice(source, threads * WAITING_PER_THREAD - under_way):
                    pool.submit(work, job).add_done_callback(finished.put)
                    under_way += 1
                if not under_way:
                    return
                future = finished.get()
                under_way -= 1
                yield future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
