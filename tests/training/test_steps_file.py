"""Rows of steps: each once, in order, whatever a killed process left of the last ones."""

import pytest

from cvgl_bench.foundation.errors import CheckpointError
from cvgl_bench.training.steps_file import StepsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "steps.csv"


def written(path, steps, *, after=0):
    file = StepsFile(path, step=after)
    for step in steps:
        file.add({"step": step, "total": step / 4})
    return path.read_text()


WHOLE = "step,total\n20,5.0\n40,10.0\n60,15.0\n"


def test_a_row_is_there_when_it_is_added(path):
    assert written(path, [20, 40, 60]) == WHOLE


@pytest.mark.parametrize("saved", [0, 20, 40, 60])
def test_wherever_it_was_cut_it_goes_on_after_the_step_that_was_saved(path, saved):
    """A state is saved only after its row, so that the cut lies beyond the rows that count."""
    kept, comes = ([s for s in (20, 40, 60) if (s <= saved) == early] for early in (True, False))
    start = len(written(path, kept)) if kept else len("step,total\n")
    for length in range(start, len(WHOLE) + 1):
        path.write_text(WHOLE[:length])
        assert written(path, comes, after=saved) == WHOLE


def test_a_run_that_begins_anew_begins_its_file_anew(path):
    written(path, [20, 40, 60])
    assert written(path, [10]) == "step,total\n10,2.5\n"


def test_a_term_that_comes_later_gets_a_column(path):
    written(path, [20])
    file = StepsFile(path, step=20)
    file.add({"step": 40, "total": 1.5, "late": 2.5})
    file.add({"step": 60, "total": 2.0})
    assert path.read_text() == "step,total,late\n20,5.0,\n40,1.5,2.5\n60,2.0,\n"


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"epoch\n1\n", b"step\nfirst\n"])
def test_another_file_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="steps.csv is not a record of steps; move it away"):
        StepsFile(path, step=0)
