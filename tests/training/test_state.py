"""A state saved after any step brings a fresh run to where it was: the steps that follow are the same."""

import pytest
import torch

from cvgl_bench.training.state import restore_state, save_state

from .conftest import Probe, Recorded, assert_same_steps

SETTINGS = {
    "epochs": 4,
    "batch_size": 4,
    "learning_rate": 0.05,
    "mine_every": 2,
    "neighbour_pool": 3,
    "neighbour_select": 2,
    "mixed_precision": "fp16",
}


class Cut(Exception):
    """Stands for a kill."""


class Overflowing(Probe):
    """Overflows in half precision in its first step, so that the scale is no more the first one."""

    overflows = True

    def criterion(self, network, outputs, context):
        terms = super().criterion(network, outputs, context)
        first = self.overflows and len(self.batches) == 1
        return {**terms, "huge": network.scale * (1e37 if first else 0.0)}


class Resumed(Overflowing):
    """The same after its first step."""

    overflows = False


@pytest.fixture(scope="module")
def whole(task):
    """A run that nothing interrupts; four steps an epoch."""
    run = Recorded(task.train, Overflowing(), **SETTINGS).run()
    assert len(run.steps) == 16 and run.scales[-1] == 512
    return run


@pytest.mark.parametrize("steps", [1, 3, 4, 6, 9, 12])
def test_what_follows_is_the_same_wherever_it_was_cut(task, whole, tmp_path, steps):
    first = Recorded(task.train, Overflowing(), **SETTINGS)
    path = tmp_path / "state.safetensors"

    def cut(run):
        if len(run.steps) == steps:
            save_state(run.state, path)
            raise Cut

    with pytest.raises(Cut):
        first.run(cut)
    second = Recorded(task.train, Resumed(), **SETTINGS)
    torch.rand(7)
    restore_state(second.state, path)
    second.run()
    assert_same_steps([*first.steps, *second.steps], whole.steps)
    assert [*first.scales, *second.scales] == whole.scales
    assert second.epochs == whole.epochs[-len(second.epochs) :]
    assert [*first.said, *second.said] == whole.said, "it mines no more often than the whole run"
    assert first.method.batches + second.method.batches == whole.method.batches


def test_time_goes_on_where_it_stopped(task, tmp_path):
    first = Recorded(task.train, **SETTINGS | {"epochs": 1}).run()
    save_state(first.state, tmp_path / "state.safetensors")
    second = Recorded(task.train, **SETTINGS | {"epochs": 2})
    restore_state(second.state, tmp_path / "state.safetensors")
    assert second.state.seconds == first.state.seconds > 0
    second.run()
    assert second.state.seconds > first.state.seconds
