import threading

import numpy as np
import pytest
import torch

from cvgl_bench.ranking.blocks import Blocks, Search
from cvgl_bench.ranking.copies import Copies
from cvgl_bench.ranking.frame import Origin
from cvgl_bench.ranking.rows import Rows
from cvgl_bench.ranking.workers import MOST, side_by_side, workers

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
        torch.set_num_threads(MOST + 1)
        assert workers(CPU) == MOST
    finally:
        torch.set_num_threads(before)


def test_blocks_are_shared_and_forgotten():
    rows = np.eye(10, dtype=np.float32)
    references = Rows(rows, "reference", device=CPU, normalise=True)
    search = Search(references, Copies(np.arange(10)), Origin(), top=1, lines=1, dtype=torch.float32)
    blocks = Blocks(search, 4, 2)
    first, second = list(blocks), []
    for block in blocks:
        second.append(block)
    assert [len(block) for block in first] == [4, 4, 2] and len(blocks) == 10
    assert torch.equal(torch.cat([block.rows for block in first]), torch.from_numpy(rows))
    here, there = iter(blocks), iter(blocks)
    assert all(next(here) is next(there) for _ in range(3))
    assert first[0] is not second[0]
