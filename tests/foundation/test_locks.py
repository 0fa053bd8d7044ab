"""A file kept to one process: by processes that really run, and really are killed."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from cvgl_bench.foundation import locks
from cvgl_bench.foundation.locks import is_kept, locked, workplace

HOLDER = """
import os, sys, time
from pathlib import Path
from cvgl_bench.foundation.locks import is_kept, locked, workplace
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


def test_what_cannot_be_locked_is_used_all_the_same(file, monkeypatch):
    def no_locks(descriptor, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    assert_free(file)
    monkeypatch.setattr(locks, "fcntl", None)
    with locked(file):
        assert not locks._held
        assert_free(file)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "file"):
        pytest.fail("a file that is not there is kept")
    assert not list(tmp_path.iterdir())


def test_a_workplace_is_empty_kept_to_one_and_gone_afterwards(tmp_path):
    folder = tmp_path / "deep" / "work"
    folder.mkdir(parents=True)
    (folder / "left").mkdir()
    (folder / "left" / "by a killed process").touch()
    with workplace(folder):
        assert os.listdir(folder) == [locks.LOCK] and is_kept(folder)
        (folder / "mine").touch()
        with pytest.raises(BlockingIOError), workplace(folder):
            pytest.fail("two blocks keep one folder")
        assert (folder / "mine").exists()
    assert not folder.exists() and not is_kept(folder)


def test_who_waits_for_a_workplace_gets_it_when_it_is_free(tmp_path):
    folder, order = tmp_path / "work", []

    def wait():
        with workplace(folder, wait=True):
            order.append("second")

    with workplace(folder):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.05)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"] and not folder.exists()
