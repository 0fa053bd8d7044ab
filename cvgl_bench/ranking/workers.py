"""Workers that share a search out among the processors: each takes sections of the queries by itself.

The work around the matrix products is many small steps. Threads that split each of these wait for each
other more than they help; threads that each do all steps of their own queries do not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

import torch

from cvgl_bench.foundation.progress import Progress

MOST = 16
"""Each worker holds a tile and a block of references; more processors than this help within products."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def workers(device: torch.device) -> int:
    """Return how many workers suit a device: one a processor that PyTorch may use, one for a GPU."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


class Stopped(Exception):
    """The work is given up, as another worker failed or the user broke it off."""


def side_by_side(
    task: Callable[[Item, Callable[[int], None]], Result],
    items: Iterable[Item],
    count: int,
    progress: Progress,
) -> list[Result]:
    """Return `task(item, advance)` for each item, in order, on `count` threads.

    `advance` reports to `progress`, and ends the task where the work is given up.
    """
    if count == 1:
        return [task(item, progress.advance) for item in items]
    stop, lock = threading.Event(), threading.Lock()

    def advance(done: int) -> None:
        if stop.is_set():
            raise Stopped
        with lock:
            progress.advance(done)

    with _threads_each(max(torch.get_num_threads() // count, 1)) as prepare:
        with ThreadPoolExecutor(count, initializer=prepare) as pool:
            futures = [pool.submit(task, item, advance) for item in items]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [future.result() for future in futures]


@contextmanager
def _threads_each(count: int) -> Iterator[Callable[[], None]]:
    """Let PyTorch use `count` threads in this thread, and in each that calls what is given."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield lambda: torch.set_num_threads(count)
    finally:
        torch.set_num_threads(before)
