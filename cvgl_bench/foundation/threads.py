"""Tasks side by side on threads that share the processors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from cvgl_bench.foundation.progress import Progress
from cvgl_bench.foundation.torch_settings import torch_threads

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST_WORKERS = 16
"""A worker holds working memory of its own; more processors than this help within its products."""


def workers(device: torch.device) -> int:
    """Return how many workers suit a device: one a processor that PyTorch may use, one for a GPU."""
    return min(torch.get_num_threads(), MOST_WORKERS) if device.type == "cpu" else 1


def side_by_side(
    task: Callable[[Item, Callable[[int], None]], Answer],
    items: Iterable[Item],
    count: int,
    progress: Progress,
) -> list[Answer]:
    """Return `task(item, advance)` for each item, in order, on `count` threads that share the processors.

    For tasks of many small steps: threads that split each of these wait for each other more than they
    help, threads that each do all steps of their own items do not. `advance` reports progress, and ends
    a task once another one has failed or the user has broken off.
    """
    errors: list[BaseException] = []
    lock = threading.Lock()

    def advance(done: int) -> None:
        with lock:
            if errors:
                raise errors[0]
            progress.advance(done)

    @contextmanager
    def noted() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            errors.append(error)
            raise

    share = max(torch.get_num_threads() // count, 1)
    pool = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(share,))
    with torch_threads(share), pool, noted():
        return list(pool.map(noted()(lambda item: task(item, advance)), items))
