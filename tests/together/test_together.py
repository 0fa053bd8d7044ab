"""Several processes compute what one does, and end in one line where they cannot."""

import csv
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from cvgl_bench.networks.checkpoints import read_tensors
from cvgl_bench.ranking import read_outcome

COUNTS = ("2 processes", "3 processes")
METHODS, CHUNKS = ("sample4geo", "auxgeo", "dropping"), (1, 3, 8)


@pytest.fixture(scope="module")
def members(noise_world, tmp_path_factory):
    """What forked processes found: their imports are paid for once, and before that no thread runs.

    Where tests run side by side, one of their processes has them found for all.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "members"
    folder.mkdir(exist_ok=True)
    answer = folder / "found.json"
    line = [sys.executable, "-m", "tests.together.members", *map(str, noise_world), str(folder)]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer.exists():
            done = subprocess.run(
                line, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300, check=False
            )
            assert done.returncode == 0, done.stderr
            answer.write_text(done.stdout)
    return SimpleNamespace(**json.loads(answer.read_text()), folder=folder)


@pytest.fixture(params=COUNTS)
def checks(members, request):
    """What the processes of a group found, that of the first one."""
    ends = vars(members)[request.param]
    assert [end["code"] for end in ends] == [0] * len(ends), ends[-1]["err"][-2000:]
    assert all(end["answer"] == ends[0]["answer"] for end in ends)
    return SimpleNamespace(**ends[0]["answer"], count=len(ends))


def test_gradients_are_those_of_one_process_with_and_without_chunks(checks):
    methods = METHODS if checks.count == 2 else ("dropping",)
    expected = {f"torch.float32 {name} {chunk}" for name in methods for chunk in CHUNKS}
    assert expected <= set(checks.gradients)
    for name, apart in checks.gradients.items():
        # Two precisions tell rounding from error: what is left out would not shrink.
        most = 1e-6 if "float32" in name else 1e-14
        assert apart["all"] < most, name
        assert apart["one"] < 5 * most, name
    assert any("float64 dropping" in name for name in checks.gradients)


def test_training_takes_the_same_samples_in_the_same_order_to_the_same_weights(checks):
    training = checks.training
    assert training["steps"] == 20
    assert training["same batches"] and training["same samples"]
    assert training["weights"]["one"] < 1e-5 and training["chunked"]["one"] < 1e-5
    assert training["losses"] < 1e-6
    assert training["looks"] == ([2] if checks.count == 2 else [1, 2])


def test_sharp_steps_averages_groups_and_queues_are_those_of_one_process(members):
    found = vars(members)["2 processes"][0]["answer"]["steps"]
    assert set(found) == {"asam", "average", "frozen blocks", "queue"}
    assert max(apart["one"] for apart in found.values()) < 1e-5, found


def test_a_state_is_that_of_any_number_of_processes(members):
    found = vars(members)["2 processes"][0]["answer"]["resuming"]
    assert found["alone after"]["one"] < 1e-5 and found["together after"]["one"] < 1e-5


def test_evaluation_is_that_of_one_process_to_the_bit(checks):
    found = checks.evaluation
    assert found["embeddings"] and found["ranking"] and found["positions"]
    assert "position_error_m" in found["columns"]


def test_what_layers_see_of_a_batch_is_said_and_their_statistics_stay_together(members):
    found = vars(members)["2 processes"][0]["answer"]["statistics"]
    assert found["same"]
    assert found["said"] == ["  layers that normalise over a batch see 4 pairs, not 8"]


def test_a_full_memory_of_one_process_halves_the_chunks_of_all(members):
    for end in vars(members)["2 processes"]:
        assert end["answer"]["memory"]["said"][0].endswith("from here on 1 pairs go through it at a time")
        assert end["answer"]["memory"]["weights"]["one"] < 1e-5


def test_the_process_whose_numbers_are_not_finite_is_named(members):
    said = vars(members)["2 processes"][0]["answer"]["not finite"]
    assert said.endswith("Only RANK 1 gave such numbers: look at its device and its data.")


def test_processes_tell_each_other_what_they_have(checks):
    talk = checks.talk
    assert talk["any"] == [False, True]
    assert talk["collect"] == list(range(checks.count))
    assert talk["first"] == 0 and talk["raised"] == "broken" and talk["gathered"]
    assert talk["shares"] == ([[0, 4], [4, 7]] if checks.count == 2 else [[0, 4], [4, 6], [6, 7]])


def errors(ends):
    """Return the lines of all processes that are errors."""
    return [line for end in ends for line in end["err"].splitlines() if line.startswith("Error")]


def losses_of(folder):
    rows = csv.DictReader((folder / "losses.csv").read_text().splitlines())
    return np.array([float(row["total"]) for row in rows])


def test_a_command_of_two_processes_leaves_one_run_like_that_of_one(members):
    ends = members.commands["whole"]
    assert [end["code"] for end in ends] == [0, 0]
    assert ends[0]["out"].count("\nrun: ") == 1 and ends[1]["out"] == "" == ends[1]["err"]
    alone, whole = members.folder / "alone", members.folder / "whole"
    assert {path.name for path in whole.iterdir()} == {path.name for path in alone.iterdir()}
    np.testing.assert_allclose(losses_of(whole), losses_of(alone), rtol=1e-6)
    ranks = [read_outcome(folder / "outcome.parquet").ranking.rank for folder in (alone, whole)]
    np.testing.assert_array_equal(*ranks)
    record = json.loads((whole / "result.json").read_text())
    assert record["environment"]["processes"] == 2
    assert record["environment"]["pairs_per_process"] == 4
    assert "processes" not in json.loads((alone / "result.json").read_text())["environment"]


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("wrong", 2, "There is no option 'epoch'"),
        ("many", 2, "3 processes share a batch of 2 pairs"),
        ("other", 2, "WORLD_SIZE is 2, but `list` runs in one process"),
        ("flag", 2, "--nonsense"),
    ],
)
def test_what_is_refused_is_said_once(members, name, code, message):
    ends = members.commands[name]
    assert [end["code"] for end in ends] == [code] * len(ends)
    (line,) = errors(ends)
    assert message in line
    assert not (members.folder / name).exists()


@pytest.mark.parametrize(
    ("name", "codes", "line"),
    [
        ("killed", [1, -9], "Error: RANK 1 of 2 processes has ended"),
        ("first killed", [-9, 1], "Error: RANK 0 of 2 processes has ended"),
        ("hangs", [1, -9], "Error: RANK 1 of 2 processes gave no answer for 3 s"),
        ("asked to end", [143, 143], None),
    ],
)
def test_a_process_that_is_gone_ends_the_run_which_can_go_on(members, name, codes, line):
    found = members.commands[name]
    assert [end["code"] for end in found["ends"]] == codes
    said = errors(found["ends"])
    assert len(said) == (line is not None) and all(one.startswith(line) for one in said)
    stopped = "".join(end["out"] for end in found["ends"]).count("saved after")
    assert stopped == (line is None)
    assert found["again"] == 0
    assert {"options.yaml", "state.safetensors"} <= set(found["files"])
    assert not any(".tmp" in name or name == "result.json" for name in found["files"])
    alone, again = (members.folder / folder / "weights.safetensors" for folder in ("alone", name))
    one, other = read_tensors(alone), read_tensors(again)
    apart = sum(float((one[key] - other[key]).square().sum()) for key in one)
    assert apart**0.5 < 1e-5 * float(torch.stack([tensor.norm() for tensor in one.values()]).norm())
