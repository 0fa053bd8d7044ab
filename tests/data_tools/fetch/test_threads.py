"""Working on a stream of jobs with threads."""

from __future__ import annotations

import threading
import time

import pytest

from cvgl_bench.data_tools.fetch.threads import WAITING_PER_THREAD, in_threads


def test_every_job_is_done_once():
    assert sorted(in_threads(lambda n: n * n, range(100), threads=7)) == [n * n for n in range(100)]


def test_jobs_are_drawn_only_as_they_are_needed():
    drawn = 0

    def jobs():
        nonlocal drawn
        for n in range(10_000):
            drawn = n + 1
            yield n

    results = in_threads(lambda n: n, jobs(), threads=2)
    next(results)
    time.sleep(0.05)
    assert drawn <= 2 * WAITING_PER_THREAD + 2 * 2 + 2
    results.close()


def test_an_exception_ends_the_others_and_is_raised():
    stop, before = threading.Event(), threading.active_count()

    def work(n: int) -> int:
        if n == 5:
            raise ValueError("five")
        stop.wait(0.01)
        return n

    with pytest.raises(ValueError, match="five"):
        list(in_threads(work, range(1000), threads=4, stop=stop))
    assert stop.is_set()
    assert threading.active_count() == before, "no thread stays"


def test_an_exception_in_the_stream_of_jobs_is_raised():
    def jobs():
        yield 1
        raise OSError("list")

    with pytest.raises(OSError, match="list"):
        list(in_threads(lambda n: n, jobs(), threads=3))


def test_as_many_threads_work_as_were_asked_for():
    meeting = threading.Barrier(6)
    assert len(list(in_threads(lambda n: meeting.wait(5), range(6), threads=6))) == 6
