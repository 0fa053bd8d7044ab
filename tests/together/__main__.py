"""Kill one process, or end the job, at random moments of runs by torchrun, and print what became of each.

    python -m tests.together           # ten of each, minutes
    python -m tests.together 3 2       # three of each, two at a time

A run that was hit goes on, in two processes or in one, and must come to the weights of one process that
nothing hit. Exits with 1 where one does not, or where anything half-written is left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from cvgl_bench.networks.checkpoints import read_tensors

from ..conftest import _write_world

RUN = [sys.executable, "-m", "cvgl_bench", "run"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
TOGETHER = [*TORCHRUN, "cvgl_bench", "run"]
MOST_APART = 1e-5
"""Of the weights of one process, as a share of their length."""


@dataclass
class Hit:
    """What became of a run that was hit, and how it went on."""

    what: str
    after_s: float
    code: int
    lines: list[str]
    files: list[str]
    went_on: str
    apart: float

    @property
    def good(self) -> bool:
        """Whether it came to the same end with nothing half-written and at most one line."""
        whole = not any(".tmp" in name for name in self.files)
        return whole and len(self.lines) <= 1 and self.apart < MOST_APART

    def __str__(self) -> str:
        kept = {"result.json": "finished", "state.safetensors": "state"}
        left = next((what for name, what in kept.items() if name in self.files), "-")
        line = f"  {self.lines[0][:70]}" if self.lines else ""
        return (
            f"{'good' if self.good else 'BAD ':4} {self.what:16} after {self.after_s:5.1f} s  "
            f"exit {self.code:3}  left: {left:8}  went on {self.went_on:14} "
            f"weights apart {self.apart:.1e}{line}"
        )


class Runs:
    """Runs of one request in a folder."""

    def __init__(self, folder: Path) -> None:
        card, root = _write_world(folder, tiles_per_side=3)
        self.folder = folder
        self.request = ["--method", "sample4geo", "--dataset", str(card), "--data-root", str(root)]
        self.request += ["--split", "cross", "--workers", "0", "--device", "cpu", "--epochs", "40"]
        for value in ("backbone=test_convnext", "weights=none", "tile_size=[32,32]", "panorama_size=[32,64]"):
            self.request += ["--set", value]
        for value in ("batch_size=4", "store_gb=0", "mine_every=2"):
            self.request += ["--set", value]

    def line(self, command: list[str], name: str) -> list[str]:
        return [*command, *self.request, *self._places(name)]

    def on(self, command: list[str], name: str) -> list[str]:
        """Return the line that goes on with a run, or starts it where nothing of it is there."""
        if not (self.folder / name).exists():
            return self.line(command, name)
        leaderboard = self._places(name)[2:]
        return [*command, "--resume", str(self.folder / name), *leaderboard]

    def _places(self, name: str) -> list[str]:
        board = self.folder / "boards" / name
        return ["--output", str(self.folder / name), "--leaderboard", str(board)]

    def apart(self, name: str) -> float:
        """Return how far a run's weights are from those of one process that nothing hit."""
        alone, found = (read_tensors(self.folder / run / "weights.safetensors") for run in ("alone", name))
        difference = torch.stack([(alone[key] - found[key]).double().norm() for key in alone])
        return float(difference.norm() / torch.stack([t.double().norm() for t in alone.values()]).norm())


def hit(runs: Runs, number: int, *, whole_job: bool, within_s: float) -> Hit:
    """Start a run, hit it at a random moment, and let it go on."""
    chance = random.Random(1000 * whole_job + number)
    name = f"{'ended' if whole_job else 'killed'}{number}"
    state = runs.folder / name / "state.safetensors"
    output = (runs.folder / f"{name}.log").open("w+")
    began = time.monotonic()
    job = subprocess.Popen(runs.line(TOGETHER, name), stdout=output, stderr=output)
    # Once there is something to go on with: before, a run only starts anew.
    while not state.exists() and job.poll() is None:
        time.sleep(0.01)
    until = time.monotonic() + chance.uniform(0, within_s / 4)
    while time.monotonic() < until and job.poll() is None:
        time.sleep(0.01)
    after_s, victim = time.monotonic() - began, number // 2 % 2
    what = "SIGTERM of job" if whole_job else f"kill -9 RANK {victim}"
    if whole_job:
        job.send_signal(signal.SIGTERM)
    else:
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
        processes = children.read_text().split() if job.poll() is None else []
        if len(processes) > victim:
            os.kill(int(processes[victim]), signal.SIGKILL)
        else:
            what = "(nobody to kill)"
    code = job.wait(timeout=200)
    output.seek(0)
    lines = [line.strip() for line in output if line.startswith("Error")]
    folder = runs.folder / name
    files = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    went_on = "was finished"
    if "result.json" not in files:
        together = number % 3 == 0
        went_on = ("again" if not files else "on") + (" in two" if together else " alone")
        with (runs.folder / f"{name} again.log").open("w") as log:
            line = runs.on(TOGETHER if together else RUN, name)
            subprocess.run(line, stdout=log, stderr=log, check=True, timeout=300)
    return Hit(what, after_s, code, lines, files, went_on, runs.apart(name))


def main(count: int = 10, at_once: int = 4) -> int:
    """Print a line for each run that was hit; return the exit code."""
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(at_once) as pool:
        runs = Runs(Path(place))
        subprocess.run(runs.line(RUN, "alone"), check=True, capture_output=True)
        began = time.monotonic()
        subprocess.run(runs.line(TOGETHER, "whole"), check=True, stdout=subprocess.DEVNULL)
        took_s = time.monotonic() - began
        print(f"a whole run takes {took_s:.0f} s; weights apart {runs.apart('whole'):.1e}", flush=True)
        asked = [(number, whole_job) for whole_job in (False, True) for number in range(count)]
        hits = pool.map(lambda one: hit(runs, one[0], whole_job=one[1], within_s=took_s), asked)
        good = 0
        for found in hits:
            print(found, flush=True)
            good += found.good
    print(f"{good} of {len(asked)} came to the same end with nothing half-written")
    return 0 if good == len(asked) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
