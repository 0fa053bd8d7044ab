"""A killed run goes on as if nothing had happened: the same bits, and only the step in progress lost."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from cvgl_bench import hookimpl
from cvgl_bench.foundation.errors import CheckpointError, CvglError, UsageError
from cvgl_bench.networks.checkpoints import read_tensors
from cvgl_bench.plugins import load_plugins
from cvgl_bench.ranking import read_outcome
from cvgl_bench.running import execution
from cvgl_bench.running.execution import execute
from cvgl_bench.running.request import Request, prepare, resume
from cvgl_bench.training import state
from cvgl_bench.training.sampling import epoch

from ..conftest import MeanColour

EPOCHS, STEPS, KILLS = 4, 16, 4
LOG_EVERY = 2


class Killed(BaseException):
    """Stands for a kill: nothing in the harness may catch it."""


class Colours(MeanColour):
    """Learns by a network that uses every kind of state: momentum, statistics, dropout."""

    name = "colours"
    title = "Colours"

    def build(self):
        network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 8))
        network.scale = nn.Parameter(torch.tensor(2.0))
        return network

    def criterion(self, network, outputs, context):
        # Noise of all three global generators, which a method may draw from.
        noise = torch.rand(()) + np.random.rand() + random.random()
        return {**super().criterion(network, outputs, context), "noise": 0.1 * noise * network.scale}


class Listener:
    """Records the epochs it hears of, and may fail in one of them."""

    def __init__(self):
        self.heard, self.fails_in = [], None

    @hookimpl
    def cvgl_epoch_finished(self, run, epoch, losses):
        if epoch == self.fails_in:
            self.fails_in = None
            raise Killed
        self.heard.append((epoch, losses["total"]))


class World:
    """Starts, resumes and reads runs of `Colours` in folders of their own."""

    def __init__(self, card, root, folder):
        offer = SimpleNamespace(__name__="offer", cvgl_methods=hookimpl(lambda: [Colours]))
        self.plugins = load_plugins([], extra=[offer])
        self.listener = Listener()
        self.plugins.manager.register(self.listener)
        self._card, self._root, self.folder = card, root, folder

    def start(self, name, **options):
        values = {
            "batch_size": 4,
            "epochs": EPOCHS,
            "mine_every": 2,
            "learning_rate": 0.05,
            "workers": 0,
            "device": "cpu",
            "log_every": LOG_EVERY,
            **options,
        }
        request = Request("colours", str(self._card), "cross", data_root=self._root, values={"--set": values})
        execute(prepare(request, self.plugins, output=self.folder / name))

    def resume(self, name):
        execute(resume(self.folder / name, self.plugins))

    def until_done(self, name, **options):
        """Start a run and resume it as often as it is killed."""
        begun = False
        for _ in range(3 * STEPS):
            try:
                return self.resume(name) if begun else self.start(name, **options)
            except (Killed, KeyboardInterrupt):
                begun = True
        raise AssertionError("the run never ends")

    def found(self, name):
        """Return what a run leaves: weights, losses without times, ranking, metrics."""
        folder = self.folder / name
        rows = list(csv.DictReader((folder / "losses.csv").read_text().splitlines()))
        steps = list(csv.DictReader((folder / "steps.csv").read_text().splitlines()))
        timed = ("pairs_per_s", "waiting_share")
        return SimpleNamespace(
            steps=[{k: v for k, v in row.items() if k not in timed} for row in steps],
            files={path.name for path in folder.iterdir()},
            weights=read_tensors(folder / "weights.safetensors"),
            losses=[{k: v for k, v in row.items() if k != "seconds"} for row in rows],
            scores=read_outcome(folder / "outcome.parquet").ranking.top_scores,
            metrics=json.loads((folder / "result.json").read_text())["metrics"],
        )

    def assert_same(self, name, other):
        first, second = self.found(name), self.found(other)
        for key, tensor in first.weights.items():
            assert torch.equal(tensor, second.weights[key]), key
        assert first.losses == second.losses
        assert first.steps == second.steps
        assert len({row["step"] for row in first.steps}) == len(first.steps) >= 2 * EPOCHS
        assert [row["epoch"] for row in first.losses] == [str(n + 1) for n in range(EPOCHS)]
        np.testing.assert_array_equal(first.scores, second.scores)
        assert first.metrics == second.metrics
        assert first.files == second.files


@pytest.fixture
def world(noise_world, tmp_path):
    return World(*noise_world, tmp_path)


@pytest.fixture
def saves(monkeypatch):
    """Return a function that sets how much training a save must wait for; 0 saves after every step."""
    return lambda share: monkeypatch.setattr(state, "TRAINING_PER_SAVE", share)


@pytest.fixture
def count(monkeypatch):
    """Return a function that counts a function's calls and does something at some of them."""

    def count(place, name, action=lambda: None, at=()):
        real, calls = getattr(place, name), []

        def counted(*arguments, **named):
            calls.append(name)
            if len(calls) in at:
                action()
            return real(*arguments, **named)

        monkeypatch.setattr(place, name, counted)
        return calls

    return count


def kill():
    raise Killed


@pytest.mark.parametrize("select", ["last", "validation"])
def test_kills_in_any_step_lose_that_step_alone(world, saves, count, select):
    saves(0)
    settings = {"select": select, "validation_fraction": 0.3}
    world.start("whole", **settings)
    mined = count(epoch, "_by_similarity")
    at = {1, 2, 4, 7, 8, 11, 14, 15}
    steps = count(Colours, "criterion", kill, at)
    world.until_done("cut", **settings)
    world.assert_same("whole", "cut")
    whole = sum(1 for call in steps) - len(at)
    assert whole == STEPS if select == "last" else whole < STEPS
    assert len(mined) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "ema_decay": 0.8, "select": "validation", "validation_fraction": 0.3},
        {"optimizer": "lamb", "sharpness": "asam", "rho": 0.5, "ema_decay": 0.8, "chunk": 2},
        {"optimizer": "mars", "sharpness": "sam", "mixed_precision": "fp16", "decay_on": "matrices"},
    ],
    ids=lambda settings: settings["optimizer"],
)
def test_whatever_the_steps_are_made_of_is_kept(world, saves, count, settings):
    saves(0)
    world.start("whole", **settings)
    count(Colours, "criterion", kill, {1, 4, 7, 12, 15})
    world.until_done("cut", **settings)
    world.assert_same("whole", "cut")


def test_the_average_of_the_weights_is_what_is_evaluated_and_saved(world):
    for name, decay in (("last", 0.0), ("average", 0.8), ("slow", 0.99)):
        world.start(name, ema_decay=decay)
    last, average, slow = (world.found(name) for name in ("last", "average", "slow"))
    first, second, third = (found.weights["0.weight"] for found in (last, average, slow))
    assert last.losses == average.losses == slow.losses, "training is the same"
    assert 0 < float((first - second).norm()) < float((first - third).norm())
    assert not np.array_equal(last.scores, average.scores)
    records = [json.loads((world.folder / name / "result.json").read_text()) for name in ("last", "average")]
    assert [record["environment"].get("weights") for record in records] == [None, "moving average"]


@pytest.mark.parametrize("share", [50, 10**9])
def test_however_seldom_it_saves_a_resumed_run_gives_the_same(world, saves, count, share):
    world.start("whole")
    saves(share)
    count(Colours, "criterion", kill, {3, 9, 20, 22})
    world.until_done("cut")
    world.assert_same("whole", "cut")


def test_listeners_hear_of_every_epoch_once(world, saves, count):
    saves(10**9)
    world.start("whole")
    heard = world.listener.heard.copy()
    assert [epoch for epoch, _ in heard] == [1, 2, 3, 4]
    world.listener.heard.clear()
    world.listener.fails_in = 3
    count(Colours, "criterion", kill, {6, 12, 30})
    world.until_done("cut")
    assert world.listener.heard == heard
    world.assert_same("whole", "cut")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_asked_to_end_finishes_its_step_and_loses_nothing(world, saves, count, number, tmp_path):
    world.start("whole")
    saves(10**9)
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    steps = count(Colours, "criterion", lambda: os.kill(os.getpid(), number), {3, 8, 16})
    world.until_done("cut")
    assert len(steps) == STEPS
    world.assert_same("whole", "cut")
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]


def test_a_kill_after_training_keeps_the_training(world, count):
    world.start("whole", select="validation", validation_fraction=0.3)
    steps = count(Colours, "criterion")
    count(execution, "score", kill, {1})
    count(execution, "write_result", kill, {1})
    world.until_done("cut", select="validation", validation_fraction=0.3)
    assert len(steps) < STEPS
    world.assert_same("whole", "cut")


def test_a_save_cut_short_leaves_the_last_state(world, saves, count):
    world.start("whole")
    saves(0)
    steps = count(Colours, "criterion")
    count(os, "fsync", kill, {2, 6, 13})
    world.until_done("cut")
    assert STEPS < len(steps) <= STEPS + 3
    world.assert_same("whole", "cut")


def test_a_damaged_state_is_refused(world, count, tmp_path):
    count(Colours, "criterion", kill, {9})
    with pytest.raises(Killed):
        world.start("cut")
    path = tmp_path / "cut" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="state.safetensors cannot be read"):
        world.resume("cut")


def test_one_bit_of_the_state_is_enough(world, count, tmp_path):
    count(Colours, "criterion", kill, {9})
    with pytest.raises(Killed):
        world.start("cut")
    path = tmp_path / "cut" / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="state.safetensors is damaged"):
        world.resume("cut")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("best.json", b"{"),
        ("best.json", b""),
        ("best.json", b"{}"),
        ("best.json", b"[1]"),
        ("best.json", b'{"epoch": "x", "recall@1": 1}'),
        ("losses.csv", b"\xff\xfe"),
        ("losses.csv", b"epoch\nfirst\n"),
        ("steps.csv", b"\xff\xfe\n"),
        ("steps.csv", b"step\nfirst\n"),
        ("options.yaml", b"id: ../../evil\n"),
        ("options.yaml", b"[1, 2]\n"),
        ("options.yaml", b"a: &a [*a]\n"),
    ],
)
def test_a_small_file_that_is_damaged_is_named(world, count, tmp_path, name, content):
    count(Colours, "criterion", kill, {9})
    with pytest.raises(Killed):
        world.start("cut", select="validation", validation_fraction=0.3)
    (tmp_path / "cut" / name).write_bytes(content)
    with pytest.raises(CvglError, match=name):
        world.resume("cut")


def test_an_id_that_leads_elsewhere_is_refused_before_training(world, count, tmp_path):
    steps = count(Colours, "criterion", kill, {9})
    with pytest.raises(Killed):
        world.start("cut")
    path, before = tmp_path / "cut" / "options.yaml", len(steps)
    path.write_text(re.sub("^id: .*", "id: ../../evil", path.read_text(), flags=re.M))
    with pytest.raises(UsageError, match="options.yaml is not what `run` writes"):
        world.resume("cut")
    assert len(steps) == before


def test_a_run_that_was_killed_after_its_record_says_how_to_go_on(world, count, tmp_path):
    count(execution, "tidy", kill, {1})
    with pytest.raises(Killed):
        world.start("cut")
    assert (tmp_path / "cut" / "state.safetensors").exists()
    with pytest.raises(UsageError, match="is finished.*`cvgl-bench leaderboard add .*cut`"):
        world.resume("cut")
    assert not (tmp_path / "cut" / "state.safetensors").exists()


def test_what_another_process_finished_meanwhile_is_left_alone(world, count, tmp_path):
    count(Colours, "criterion", kill, {9})
    with pytest.raises(Killed):
        world.start("cut")
    late = resume(tmp_path / "cut", world.plugins)
    world.resume("cut")
    left = {path: path.read_bytes() for path in (tmp_path / "cut").iterdir()}
    with pytest.raises(UsageError, match="is finished"):
        execute(late)
    assert left == {path: path.read_bytes() for path in (tmp_path / "cut").iterdir()}


def test_sigkill_at_any_moment_comes_to_the_same_end(world, noise_world, tmp_path):
    """Processes of their own, killed at moments that no line of the code chose."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "tests.training.test_resuming", *map(str, noise_world), str(tmp_path)]
    done = subprocess.run(
        line, cwd=Path(__file__).parents[2], env=alone, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    world.assert_same("whole", "cut")


def fork_and_kill(world):
    """Run `whole` and `cut` in forks of this process, killing `cut` again and again.

    As long as one lives, another is refused: that both end the same shows that it was left in peace.
    """
    os.waitpid(fork(world.start, "whole"), 0)
    state.TRAINING_PER_SAVE = 0
    step = Colours.criterion
    Colours.criterion = lambda *given: time.sleep(0.02) or step(*given)
    generator = np.random.default_rng(0)
    path = world.folder / "cut" / "state.safetensors"
    for _ in range(KILLS):
        child = fork(world.start if changed_at(path) is None else world.resume, "cut")
        before = changed_at(path)
        while changed_at(path) == before:
            time.sleep(0.001)
        with pytest.raises(UsageError, match="Another process is at work"):
            world.resume("cut")
        time.sleep(generator.uniform(0, 0.06))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert status == signal.SIGKILL
    os.waitpid(fork(world.resume, "cut"), 0)


def fork(act, name):
    """Do something in a new process and return its id; this one has no threads that it could miss."""
    child = os.fork()
    if child == 0:
        act(name)
        os._exit(0)
    return child


def changed_at(path):
    return path.stat().st_mtime_ns if path.exists() else None


if __name__ == "__main__":
    import torch._dynamo  # noqa: F401  The first optimiser imports it, which takes seconds in every fork.

    torch.set_num_threads(1)
    world = World(*map(Path, sys.argv[1:]))
    assert "chance" in world.plugins.methods
    fork_and_kill(world)
