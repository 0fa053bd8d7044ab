"""A file kept to one process: by processes that really run, and really are killed."""

import os
import signal
import subprocess
import sys

import pytest

from cvgl_bench.foundation import locks
from cvgl_bench.foundation.locks import locked

HOLDER = """
import os, sys, time
from pathlib import Path
from cvgl_bench.foundation.locks import locked
with locked(Path(sys.argv[1])):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_text("kept")
    return path


def assert_free(file):
    with locked(file):
        pass


def test_a_file_is_kept_to_one_block_at_a_time_and_stays_as_it_is(file):
    with locked(file):
        with pytest.raises(BlockingIOError), locked(file):
            pytest.fail("two blocks keep one file")
        with pytest.raises(BlockingIOError), locked(file):
            pytest.fail("a refused block lets the file go")
    assert_free(file)
    with pytest.raises(KeyError), locked(file):
        raise KeyError
    assert_free(file)
    assert file.read_text() == "kept" and list(file.parent.iterdir()) == [file]


def test_a_killed_process_keeps_nothing_even_where_its_workers_live_on(file):
    line = [sys.executable, "-c", HOLDER, str(file)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as holder:
        worker = int(holder.stdout.readline())
        try:
            with pytest.raises(BlockingIOError), locked(file):
                pytest.fail("two processes keep one file")
            holder.kill()
            assert holder.wait() == -signal.SIGKILL
            os.kill(worker, 0)
            assert_free(file)
        finally:
            os.kill(worker, signal.SIGKILL)


def next_descriptor(file):
    """Return the lowest descriptor that is not in use."""
    descriptor = os.open(file, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_what_cannot_be_locked_is_used_all_the_same(file, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    assert_free(file)
    monkeypatch.setattr(locks, "fcntl", None)
    free = next_descriptor(file)
    with locked(file):
        assert next_descriptor(file) == free, "where there are no locks the file is not kept open either"
        assert_free(file)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "file"):
        pytest.fail("a file that is not there is kept")
    assert not list(tmp_path.iterdir())
