"""Curves of training as TensorBoard reads them."""

import csv
import sys

import pytest

from cvgl_bench.foundation.errors import UsageError

QUICK = ["--epochs", "2", "--set", "batch_size=4", "--set", "log_every=3", "--output", "out"]


def curves(folder):
    """Return (step, value) by curve."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {name: [(e.step, e.value) for e in found.Scalars(name)] for name in found.Tags()["scalars"]}


def test_the_curves_are_the_columns_of_the_rows(run, tmp_path):
    done = run(*QUICK, "--set", "tensorboard=true")
    assert done.exit_code == 0, done.output
    found = curves(tmp_path / "out" / "tensorboard")
    rows = list(csv.DictReader((tmp_path / "out" / "steps.csv").read_text().splitlines()))
    assert len(rows) == 4 and set(found) == set(rows[0]) - {"step"}
    for name, curve in found.items():
        assert [step for step, _ in curve] == [int(row["step"]) for row in rows]
        assert [value for _, value in curve] == pytest.approx([float(row[name]) for row in rows], rel=1e-6)


def test_steps_that_are_taken_again_are_there_once(tmp_path):
    from cvgl_bench.builtins.tensorboard import Curves

    for steps, loss in (([3, 6, 9], 1.0), ([6, 9, 12], 2.0)):
        writing = Curves()
        for step in steps:
            writing.add(tmp_path, {"step": step, "total": loss})
        writing.close(tmp_path)
    assert curves(tmp_path / "tensorboard")["total"] == [(3, 1.0), (6, 2.0), (9, 2.0), (12, 2.0)]


def test_nothing_is_written_where_nobody_asked(run, tmp_path):
    assert run(*QUICK).exit_code == 0
    assert not (tmp_path / "out" / "tensorboard").exists()


def test_without_tensorboard_it_is_said_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = run(*QUICK, "--set", "tensorboard=true")
    assert isinstance(done.exception, UsageError)
    assert "Install cvgl-bench[tensorboard]" in str(done.exception)
