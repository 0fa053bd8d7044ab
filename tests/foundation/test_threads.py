"""Tasks side by side: in order, ended together, and with the threads of torch as before."""

import threading

import pytest
import torch

from cvgl_bench.foundation.threads import MOST_WORKERS, side_by_side, workers

CPU = torch.device("cpu")


class Counted:
    def __init__(self):
        self.count = 0

    def advance(self, count=1):
        self.count += count


@pytest.mark.parametrize("count", [1, 4])
def test_results_come_in_order(count):
    progress = Counted()

    def task(item, advance):
        advance(item)
        return item**2

    assert side_by_side(task, range(20), count, progress) == [item**2 for item in range(20)]
    assert progress.count == sum(range(20))


def test_workers_run_at_the_same_time():
    together = threading.Barrier(3)
    side_by_side(lambda item, advance: together.wait(timeout=30), range(3), 3, Counted())


def test_an_error_ends_the_others():
    failed = threading.Event()

    def task(item, advance):
        if item:
            failed.set()
            raise ZeroDivisionError
        failed.wait(timeout=30)
        while True:  # until told to stop
            advance(1)

    with pytest.raises(ZeroDivisionError):
        side_by_side(task, range(2), 2, Counted())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_threads_of_torch_are_as_before(error):
    before = torch.get_num_threads()
    seen = set()

    def task(item, advance):
        seen.add(torch.get_num_threads())
        if item == 5:
            raise error

    try:
        torch.set_num_threads(4)
        side_by_side(task, range(5), 2, Counted())
        assert seen == {2} and torch.get_num_threads() == 4
        with pytest.raises(error):
            side_by_side(task, range(6), 2, Counted())
        assert torch.get_num_threads() == 4
        torch.set_num_threads(3)
        assert workers(CPU) == 3 and workers(torch.device("cuda")) == 1
        torch.set_num_threads(MOST_WORKERS + 1)
        assert workers(CPU) == MOST_WORKERS
    finally:
        torch.set_num_threads(before)
