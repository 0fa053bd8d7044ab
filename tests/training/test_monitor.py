"""What training measures as it goes."""

import itertools
import math
import time
from types import SimpleNamespace

import pytest

from cvgl_bench.foundation import progress
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.training import monitor
from cvgl_bench.training.state import restore_state, save_state

from .conftest import Probe, Recorded

SETTINGS = {"epochs": 2, "batch_size": 4, "sampling": "random", "learning_rate": 0.01}
STEPS = [3, 4, 7, 8]
"""Every third step of an epoch, and its last: four steps an epoch."""


def test_rows_come_every_few_steps_of_an_epoch_and_after_its_last(train_split):
    for every, expected in ((3, STEPS), (1, [*range(1, 9)]), (20, [4, 8])):
        run = Recorded(train_split, log_every=every, **SETTINGS).run()
        assert [row["step"] for row in run.measured] == expected
        assert [row["epoch"] for row in run.measured] == [1 + (step > 4) for step in expected]


def test_losses_are_means_over_the_steps_since_the_last_row(train_split):
    run = Recorded(train_split, **SETTINGS).run()
    for row, steps in zip(run.measured, ([0, 1, 2], [3], [4, 5, 6], [7]), strict=True):
        names = run.steps[0].sums
        means = {name: sum(terms(run, step)[name] for step in steps) / len(steps) for name in names}
        assert {name: row[name] for name in names} == pytest.approx(means, rel=1e-4)
        assert row["total"] == pytest.approx(sum(means.values()), rel=1e-4)


def terms(run, step):
    """Return the loss terms of one step; what is recorded are sums over its epoch so far."""
    before = run.steps[step - 1].sums if step % 4 else dict.fromkeys(run.steps[step].sums, 0.0)
    return {name: value - before[name] for name, value in run.steps[step].sums.items()}


def test_rate_and_single_numbers_are_those_of_the_step(train_split):
    """`scale` is the logarithm of the inverse temperature."""
    run = Recorded(train_split, **SETTINGS).run()
    for row in run.measured:
        step = run.steps[row["step"] - 1]
        assert row["learning_rate"] == step.rate
        assert row["parameter.scale"] == pytest.approx(step.weights["scale"].item())
        assert row["parameter.unused"] == pytest.approx(step.weights["unused"].item())


class Slow(Probe):
    """Takes its time over an image, and over a step."""

    def prepare_pair(self, pair, generator):
        time.sleep(self.image_s)
        return super().prepare_pair(pair, generator)

    def criterion(self, network, outputs, context):
        time.sleep(self.step_s)
        return super().criterion(network, outputs, context)


@pytest.mark.parametrize(("image_s", "step_s", "low", "high"), [(0.03, 0.0, 0.7, 1.0), (0.0, 0.12, 0.0, 0.5)])
def test_speed_and_waiting_are_told_apart(train_split, image_s, step_s, low, high):
    """Images are read in the loop's own process here, so that it waits for all of their time."""
    method = Slow()
    method.image_s, method.step_s = image_s, step_s
    run = Recorded(train_split, method, **SETTINGS | {"epochs": 1}).run()
    for row in run.measured:
        assert low <= row["waiting_share"] <= high
        assert row["pairs_per_s"] <= 1 / (image_s + step_s / 4)


def test_what_lies_between_epochs_takes_no_steps_time(train_split):
    run = Recorded(train_split, **SETTINGS)
    run.run(lambda run: time.sleep(1.0) if run.state.batch == 0 else None)
    assert run.measured[2]["step"] == 7
    assert run.measured[2]["pairs_per_s"] > 3 * 4 / 1.0


class Cut(Exception):
    """Stands for a kill."""


TIMED = ("pairs_per_s", "waiting_share")


def untimed(rows):
    return [{name: value for name, value in row.items() if name not in TIMED} for row in rows]


@pytest.mark.parametrize("steps", range(1, 8))
def test_a_resumed_run_measures_what_the_whole_one_did(train_split, tmp_path, steps):
    whole = Recorded(train_split, **SETTINGS).run().measured
    path = tmp_path / "state.safetensors"

    def cut(run):
        if run.state.step == steps:
            save_state(run.state, path)
            raise Cut

    first = Recorded(train_split, **SETTINGS)
    with pytest.raises(Cut):
        first.run(cut)
    second = Recorded(train_split, **SETTINGS)
    restore_state(second.state, path)
    assert second.state.recent == first.state.recent
    second.run()
    assert untimed([*first.measured, *second.measured]) == untimed(whole)


def test_nothing_is_fetched_from_the_device_but_for_a_row_or_a_line(train_split, monkeypatch, capsys):
    """The clock of the lines goes 20 s a step, and 40 s to the first: that and the third say something."""
    fetched, ticks = [], itertools.chain([0], itertools.count(2))
    real = monitor._fetched
    monkeypatch.setattr(monitor, "_fetched", lambda tensors: fetched.append(1) or real(tensors))
    run = Recorded(train_split, log_every=20, **SETTINGS).run()
    assert len(fetched) == len(run.measured) == 2
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: 20.0 * next(ticks)))
    capsys.readouterr()
    fetched.clear()
    run = Recorded(train_split, log_every=20, **SETTINGS | {"epochs": 1}).run()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "epoch 1/1: 4 to do" and len(lines) == 3
    assert all("% waiting for data" in line and "loss " in line and "pairs/s" in line for line in lines[1:])
    assert len(fetched) == 3, "one for either line, and one for the row after the last step"
    assert len(run.measured) == 1


def test_a_loss_that_is_not_finite_is_measured_too(train_split):
    class Broken(Probe):
        def criterion(self, network, outputs, context):
            return {"broken": super().criterion(network, outputs, context)["info_nce"] * math.inf}

    run = Recorded(train_split, Broken(), log_every=1, **SETTINGS)
    with pytest.raises(TrainingError, match="no longer finite"):
        run.run()
    assert not math.isfinite(run.measured[0]["total"])
