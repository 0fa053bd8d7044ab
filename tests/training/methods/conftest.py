"""Training of a sample method, whole and interrupted."""

import pytest

from cvgl_bench.training.state import restore_state, save_state

from ..conftest import Recorded, assert_same_steps, one_thread, task, train_split

__all__ = ["one_thread", "task", "train_split"]

SETTINGS = {"epochs": 2, "batch_size": 4, "sampling": "random", "learning_rate": 0.05}


class Cut(Exception):
    """Stands for a kill."""


@pytest.fixture
def trained(train_split, tmp_path):
    """Return a function that trains a new method and asserts that an interrupted run ends the same."""

    def trained(make, **options):
        whole = Recorded(train_split, make(), **SETTINGS | options).run()
        first = Recorded(train_split, make(), **SETTINGS | options)
        with pytest.raises(Cut):
            first.run(lambda run: cut(run, tmp_path / "state.safetensors"))
        second = Recorded(train_split, make(), **SETTINGS | options)
        restore_state(second.state, tmp_path / "state.safetensors")
        second.run()
        assert_same_steps([*first.steps, *second.steps], whole.steps)
        for name, tensor in whole.state.evaluated.state_dict().items():
            assert tensor.equal(second.state.evaluated.state_dict()[name]), name
        return whole

    return trained


def cut(run, path):
    if len(run.steps) == 5:
        save_state(run.state, path)
        raise Cut
