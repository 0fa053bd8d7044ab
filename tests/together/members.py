"""Processes that compute together, forked from one that has imported everything, and what they find.

`python -m tests.together.members CARD ROOT FOLDER` prints JSON: by number of processes, by check.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from functools import cache
from pathlib import Path

import numpy as np
import torch
from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions
from timm.layers import DropPath
from torch import nn

from cvgl_bench.cli import main
from cvgl_bench.embedding.images import embed_split
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation import group as group_module
from cvgl_bench.foundation.errors import DataError, TrainingError
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.foundation.launch import launched
from cvgl_bench.method import Context
from cvgl_bench.training import state as state_module
from cvgl_bench.training.gradients import backward
from cvgl_bench.training.loop import Setting, start, train
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.shard import Shard
from cvgl_bench.training.state import restore_state, save_state

from ..training.conftest import Probe, task_of
from ..training.methods.test_frozen_blocks import FrozenBlocks
from ..training.methods.test_teacher_and_queue import TeacherAndQueue

EVERYTHING = "--all" in sys.argv
"""Whether to take the minutes that each method in each number of processes takes."""

PAIRS = 8
TINY = {"backbone": "test_convnext", "weights": "none", "tile_size": (32, 32), "panorama_size": (32, 64)}
CPU = torch.device("cpu")


class Dropping(AuxGeo):
    """AuxGeo with stochastic depth and dropout, and views of one size that go through in one pass."""

    def build(self):
        network = super().build()
        for part in network.modules():
            if hasattr(part, "drop_path"):
                part.drop_path = DropPath(0.3)
        network.model.head.drop = nn.Dropout(0.4)
        return network


METHODS = {
    "sample4geo": lambda: Sample4Geo(Sample4GeoOptions(**TINY)),
    "auxgeo": lambda: AuxGeo(AuxGeoOptions(**TINY)),
    "dropping": lambda: Dropping(AuxGeoOptions(**TINY | {"panorama_size": (32, 32)})),
}


def drawn(names):
    generator = torch.Generator().manual_seed(0)
    wide = {"query": 64} if "wide" in names else {}
    images = {
        view: torch.randn(PAIRS, 3, 32, wide.get(view, 32), generator=generator)
        for view in ("query", "reference", "birdseye")
    }
    return {**images, "position": torch.rand(PAIRS, 2, generator=generator), "row": torch.arange(PAIRS)}


@cache
def built(name, kind):
    """Return a method and its network, as built once: passes change nothing but gradients."""
    method = METHODS[name]()
    torch.manual_seed(1)
    return method, method.build().to(kind).train()


def gradients(name, *, chunk, group):
    """Return the loss terms and gradients of a batch of which each process of a group has its share."""
    method, network = built(name, torch.get_default_dtype())
    network.zero_grad()
    torch.manual_seed(1)
    batch = drawn([] if name == "dropping" else ["wide"])
    share = group.share(PAIRS)
    terms, _ = backward(
        method,
        network,
        {key: rows[share] for key, rows in batch.items()},
        context=Context(step=0, steps=1, epoch=0, epochs=1),
        chunk=chunk,
        autocast=contextlib.nullcontext,
        scale=lambda loss: loss,
        shard=Shard(group, PAIRS),
    )
    gradient = {key: parameter.grad for key, parameter in network.named_parameters()}
    return {**terms, **gradient, "next draw": torch.rand(1)}


def farthest(found, expected):
    """Return how far tensors are from those that are expected, as shares of their own length.

    `all` takes them for one vector, `one` is the tensor that is farthest.
    """
    assert list(found) == list(expected)
    assert all((found[name] is None) == (expected[name] is None) for name in found)
    pairs = [
        (found[name].detach().double(), expected[name].detach().double())
        for name in found
        if found[name] is not None
    ]
    apart = torch.stack([(one - other).norm() for one, other in pairs])
    long = torch.stack([other.norm() for _, other in pairs])
    return {"all": float(apart.norm() / long.norm()), "one": float((apart / long.clamp_min(1e-12)).max())}


def check_gradients(group, world):
    found = {}
    for kind in (torch.float32, torch.float64):
        torch.set_default_dtype(kind)
        exact = kind is torch.float64
        names = METHODS if EVERYTHING or (group.count == 2 and not exact) else ["dropping"]
        for name in names:
            whole = gradients(name, chunk=PAIRS, group=ALONE)
            for chunk in (3,) if exact and not EVERYTHING else (1, 3, 8):
                found[f"{kind} {name} {chunk}"] = farthest(gradients(name, chunk=chunk, group=group), whole)
    torch.set_default_dtype(torch.float32)
    return found


class Logging(Probe):
    """Notes the rows of every batch and what it saw of them, whatever process has them."""

    def __init__(self):
        super().__init__()
        self.looks = []

    def represent(self, network, batch):
        self.looks.append(len(batch["query"]))
        return super().represent(network, batch)


class Trained:
    """A training run of a group, 20 steps by default, ended after `until` of them."""

    def __init__(self, world, group, method=None, *, until=None, state=None, **options):
        self.method = method or Logging()
        values = {"epochs": 5, "batch_size": 4, "learning_rate": 0.05, "mine_every": 2, "warmup_epochs": 1.0}
        self.options = TrainingOptions(**values | options)
        self.said = []
        split = task_of(world, "same").train
        self.setting = Setting(
            self.method, split, self.options, CPU, 0, log_every=1000, say=self.said.append, group=group
        )
        torch.manual_seed(self.options.seed)
        self.state = start(self.setting, self.method.build())
        if state is not None:
            restore_state(self.state, state)
        self.losses, self.until = [], until
        with contextlib.suppress(StopIteration):
            train(
                self.setting,
                self.state,
                on_advance=self._advanced,
                on_epoch=self._finished,
                on_measured=_unheard,
            )

    def _advanced(self, stop):
        if self.state.step == self.until:
            raise StopIteration

    def _finished(self, losses, seconds):
        self.losses.append(losses["total"])


def _unheard(row):
    """Ignore what a step measured."""


def check_training(group, world):
    alone, together = Trained(world, ALONE), Trained(world, group)
    return {
        "steps": alone.state.step,
        "weights": farthest(together.state.network.state_dict(), alone.state.network.state_dict()),
        "losses": float(np.abs(np.array(together.losses) / np.array(alone.losses) - 1).max()),
        "same batches": together.method.batches == alone.method.batches,
        "same samples": all(map(torch.equal, together.method.seen, alone.method.seen)),
        "looks": sorted({count for looks in group.collect(together.method.looks) for count in looks}),
        "chunked": farthest(
            Trained(world, group, chunk=1).state.network.state_dict(), alone.state.network.state_dict()
        ),
    }


STEPS = {
    "asam": (Logging, {"sharpness": "asam", "rho": 0.5, "clip_norm": 1.0}),
    "average": (Logging, {"optimizer": "sgd", "ema_decay": 0.8}),
    "frozen blocks": (FrozenBlocks, {"optimizer": "momentum", "learning_rate": 0.01, "epochs": 3}),
    "queue": (TeacherAndQueue, {"sharpness": "sam", "chunk": 1, "epochs": 3}),
}


def check_steps(group, world):
    """What is done beside the gradient itself sees the whole batch in every process."""
    found = {}
    for name, (method, options) in STEPS.items():
        one, other = (Trained(world, g, method(), **options).state for g in (ALONE, group))
        found[name] = farthest(other.evaluated.state_dict(), one.evaluated.state_dict())
    return found


def check_methods(group, world):
    """Twenty steps of the methods at the published rate."""
    found = {}
    for name in METHODS:
        one, other = (
            Trained(world, g, METHODS[name](), learning_rate=1e-3).state.network.state_dict()
            for g in (ALONE, group)
        )
        found[name] = farthest(other, one)
    return found


def check_resuming(group, world):
    """Half the steps in a group, the rest alone, and the other way round."""
    folder = Path(os.environ["FOLDER"])
    whole = Trained(world, ALONE).state.network.state_dict()
    path = folder / f"state{group.count}.safetensors"
    half = Trained(world, group, until=9)
    if group.first:
        save_state(half.state, path)
    group.await_all()
    found = {"alone after": farthest(Trained(world, ALONE, state=path).state.network.state_dict(), whole)}
    group.await_all()
    half = Trained(world, ALONE, until=9)
    if group.first:
        save_state(half.state, path)
    missing = path if group.first else folder / "not there"
    together = Trained(world, group, state=missing)
    return {**found, "together after": farthest(together.state.network.state_dict(), whole)}


def check_evaluation(group, world):
    split = task_of(world, "cross").test
    method = METHODS["auxgeo"]()
    torch.manual_seed(2)
    network, options = method.build().eval(), EvaluationOptions(embed_batch_size=4)
    asked = {"device": CPU, "batch_size": 4, "workers": 0}
    one, other = (embed_split(method, network, split, view="query", group=g, **asked) for g in (ALONE, group))
    alone, together = (
        evaluate(method, network, split, options=options, place=Place(CPU, 0, g)) for g in (ALONE, group)
    )
    names = ("rank", "ties", "rank_without_covers", "top_rows", "top_scores")
    return {
        "embeddings": bool((one == other).all()),
        "ranking": all(
            np.array_equal(getattr(alone.ranking, name), getattr(together.ranking, name)) for name in names
        ),
        "positions": all(np.array_equal(together.extra[name], alone.extra[name]) for name in alone.extra),
        "columns": sorted(together.extra),
    }


class Batched(Probe):
    """Normalises over what it sees."""

    def build(self):
        network = super().build()
        network[1] = nn.BatchNorm1d(8)
        return network


def check_statistics(group, world):
    """Running statistics are the mean of those of all processes, and the same in all."""
    run = Trained(world, group, Batched(), until=1, batch_size=8)
    layer = run.state.network[1]
    everywhere = group.collect(layer.running_mean.tolist())
    return {"same": all(one == everywhere[0] for one in everywhere), "said": run.said}


class Hungry(Logging):
    """Runs out of a GPU's memory in one process with more than one pair."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def represent(self, network, batch):
        if self._number == 1 and len(batch["query"]) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return super().represent(network, batch)


def check_memory(group, world):
    run = Trained(world, group, Hungry(group.number))
    whole = Trained(world, ALONE).state.network.state_dict()
    return {"said": run.said, "weights": farthest(run.state.network.state_dict(), whole)}


class Broken(Probe):
    """Gives what is not a number in one process."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def represent(self, network, batch):
        outputs = super().represent(network, batch)
        return outputs | {"query": outputs["query"] * (torch.nan if self._number == 1 else 1.0)}


def check_not_finite(group, world):
    try:
        Trained(world, group, Broken(group.number))
    except TrainingError as error:
        return str(error)


def check_talk(group, world):
    """What the processes tell each other directly."""
    try:
        group.first_says(lambda: (_ for _ in ()).throw(DataError("broken")))
        raised = None
    except DataError as error:
        raised = str(error)
    shares = [(share.start, share.stop) for share in group.shares(7, unit=2)]
    here = group.share(5)
    rows = {"whole": torch.arange(5), "flags": torch.arange(5) > 2, "half": torch.arange(5).half()[:, None]}
    gathered = group.gather({name: table[here] for name, table in rows.items()}, 5)
    return {
        "any": [group.any(False), group.any(group.number == 1)],
        "collect": group.collect(group.number),
        "first": group.first_says(lambda: group.number),
        "raised": raised,
        "shares": shares,
        "gathered": all(torch.equal(gathered[name], table) for name, table in rows.items()),
    }


CHECKS = {
    "gradients": check_gradients,
    "training": check_training,
    "steps": check_steps,
    "methods": check_methods,
    "resuming": check_resuming,
    "evaluation": check_evaluation,
    "statistics": check_statistics,
    "memory": check_memory,
    "not finite": check_not_finite,
    "talk": check_talk,
}


def all_checks(world):
    """Join this process's group and return what each check found."""
    group = ProcessGroup(launched(os.environ))
    group.join()
    group.meet(60)
    names = set(CHECKS) - {"methods"}
    if EVERYTHING:
        names = set(CHECKS)
    elif group.count > 2:
        names = {"gradients", "training", "evaluation", "talk"}
    names = sorted(names)
    found = {name: CHECKS[name](group, world) for name in names}
    group.leave()
    return found


class Members:
    """Processes with an environment as torchrun sets it, each doing the same; `folder` takes their output."""

    def __init__(self, folder, count, act, **variables):
        self.folder = folder
        folder.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        shared = {
            "WORLD_SIZE": count,
            "LOCAL_WORLD_SIZE": count,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        self.ids = [
            self._fork(act, {**shared, **variables, "RANK": number, "LOCAL_RANK": number})
            for number in range(count)
        ]

    def _fork(self, act, variables):
        child = os.fork()
        if child:
            return child
        os.environ.update({name: str(value) for name, value in variables.items()})
        number = variables["RANK"]
        for descriptor, name in ((1, "out"), (2, "err")):
            file = os.open(self.folder / f"{number}.{name}", os.O_WRONLY | os.O_CREAT)
            os.dup2(file, descriptor)
        code = 1
        try:
            answer = act()
            (self.folder / f"{number}.json").write_text(json.dumps(answer))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def signal(self, number, which):
        os.kill(self.ids[number], which)

    def end(self):
        """Wait for all and return each one's exit code, answer and output."""
        ends = []
        for number, child in enumerate(self.ids):
            _, status = os.waitpid(child, 0)
            answer = self.folder / f"{number}.json"
            ends.append(
                {
                    "code": os.waitstatus_to_exitcode(status),
                    "answer": json.loads(answer.read_text()) if answer.exists() else None,
                    "out": (self.folder / f"{number}.out").read_text(),
                    "err": (self.folder / f"{number}.err").read_text(),
                }
            )
        return ends


class Commands:
    """Whole runs by the command line, in a folder."""

    def __init__(self, world, folder):
        card, root = world
        self.folder = folder
        self.line = ["run", "--method", "sample4geo", "--dataset", str(card), "--data-root", str(root)]
        self.line += ["--split", "cross", "--workers", "0", "--device", "cpu", "--no-leaderboard"]
        for value in ("batch_size=8", "store_gb=0", "epochs=3"):
            self.line += ["--set", value]
        for name, value in TINY.items():
            self.line += ["--set", f"{name}={list(value) if isinstance(value, tuple) else value}"]

    def start(self, name, *more, count=2, line=None, **variables):
        """Start a run in `count` processes, or the command of `line`."""
        line = [*(line or [*self.line, "--output", str(self.folder / name)]), *more]

        def act():
            group_module.ROLL_CALL_S = 1.5
            state_module.TRAINING_PER_SAVE = 0
            step = Sample4Geo.criterion
            Sample4Geo.criterion = lambda *given: time.sleep(0.1) or step(*given)
            sys.argv = ["cvgl-bench", *line]
            main()

        return Members(self.folder / f"output of {name}", count, act, **variables)

    def interrupted(self, name, which, number):
        """Start a run and send a signal to one of its processes once a state was saved."""
        members = self.start(name, "--set", "wait_s=3")
        state = self.folder / name / "state.safetensors"
        until = time.monotonic() + 60
        while not state.exists() and time.monotonic() < until:
            time.sleep(0.01)
        members.signal(number, which)
        return members

    def again(self, name):
        """Let a run go on in one process."""
        line = ["run", "--resume", str(self.folder / name), "--no-leaderboard"]
        return self.start(f"{name} again", line=line, count=1)

    def all(self):
        """Return what became of each; those that only end side by side, for most of it is waiting."""
        running = {
            "alone": self.start("alone", count=1),
            "whole": self.start("whole"),
            "wrong": self.start("wrong", "--set", "epoch=3"),
            "many": self.start("many", "--set", "batch_size=2", count=3),
            "other": self.start("other", line=["list", "methods"]),
            "flag": self.start("flag", "--nonsense"),
        }
        ends = {name: members.end() for name, members in running.items()}
        hit = {
            "hangs": self.interrupted("hangs", signal.SIGSTOP, 1),
            "killed": self.interrupted("killed", signal.SIGKILL, 1),
            "first killed": self.interrupted("first killed", signal.SIGKILL, 0),
            "asked to end": self.interrupted("asked to end", signal.SIGTERM, 1),
        }
        os.waitid(os.P_PID, hit["hangs"].ids[0], os.WEXITED | os.WNOWAIT)
        hit["hangs"].signal(1, signal.SIGKILL)
        found = {name: {"ends": members.end()} for name, members in hit.items()}
        for name, one in found.items():
            one["files"] = sorted(path.name for path in (self.folder / name).iterdir())
        going_on = {name: self.again(name) for name in found}
        for name, members in going_on.items():
            found[name]["again"] = members.end()[0]["code"]
        return ends | found


if __name__ == "__main__":
    import torch._dynamo  # noqa: F401  The first optimiser imports it, which takes seconds in every fork.

    torch.set_num_threads(1)
    *world, folder = map(Path, sys.argv[1:4])
    found = {}
    for count in (2, 3):
        ends = Members(folder / f"checks{count}", count, lambda: all_checks(world), FOLDER=folder).end()
        found[f"{count} processes"] = ends
    found["commands"] = Commands(world, folder).all()
    print(json.dumps(found))
