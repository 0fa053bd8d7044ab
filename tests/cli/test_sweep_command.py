"""A sweep, end to end, with a backbone that nobody trained."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.variants import PLAIN, Variant, default_sweep
from cvgl_bench.ranking import read_outcome
from cvgl_bench.scoring.results import read_result

SETTINGS = {
    "method": {
        "backbone": "test_resnet.r160_in1k",
        "weights": "none",
        "tile_size": [32, 32],
        "panorama_size": [32, 64],
    },
    "evaluation": {"top": 5},
}


@pytest.fixture
def finished(run_command, noise_world, tmp_path, monkeypatch):
    """Evaluate the frozen backbone and return its run folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
    card, root = noise_world
    place = ("--dataset", card, "--split", "same", "--data-root", root, "--no-leaderboard")
    machine = ("--device", "cpu", "--workers", 0, "--config", "settings.yaml")
    answer = run_command("run", "--method", "frozen", *place, *machine, "--output", "a", "--eval-only")
    assert answer.code == 0, answer.err
    return tmp_path / "a"


def test_a_sweep_evaluates_compares_and_draws(run_command, finished, tmp_path):
    asked = ("fov:90", "brightness:0.25", "fov:90", "none")
    arguments = [word for variant in asked for word in ("--variant", variant)]
    shown = run_command("sweep", finished, *arguments, "--output", "s")
    assert shown.code == 0, shown.err
    folder = tmp_path / "s"
    assert {path.name for path in folder.iterdir()} == {
        "none",
        "fov-90",
        "brightness-0.25",
        "sweep.json",
        "sweep.png",
    }
    for name in ("none", "fov-90", "brightness-0.25"):
        result = read_result(folder / name / "result.json")
        assert str(Variant(result.task.variant)).replace(":", "-") == name
    record = json.loads((folder / "sweep.json").read_text())
    values = {variant: step["value"] for variant, step in record["variants"].items()}
    assert list(values) == ["none", "fov:90", "brightness:0.25"]
    for variant, step in record["variants"].items():
        outcome = read_outcome(folder / step["folder"] / "outcome.parquet")
        assert values[variant] == pytest.approx((outcome.ranking.rank == 0).mean())
        if variant != "none":
            assert step["change"]["value"] == pytest.approx(values[variant] - values["none"])
    assert record["variants"]["none"]["change"] is None
    assert shown.out.count("references: 18 embeddings from the store") == 1
    assert "| " not in shown.out and "brightness:0.25" in shown.out and "change, points" in shown.out
    with Image.open(folder / "sweep.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == 1440 and pixels.std() > 10


def test_the_default_sweep_as_json(run_command, finished, tmp_path, monkeypatch):
    """Every family of variants goes through; references are embedded once, before."""
    shown = run_command("sweep", finished, "--json", "--figure", "own.svg", "--metric", "median_distance_m")
    assert shown.code == 0, shown.err
    found = json.loads(shown.out)
    splits = {"same": {"train": ("A",), "test": ("A",)}}
    usual = default_sweep(Dataset("x", "X", "dress", ("A",), splits, {"size_px": (8, 8), "zoom": 18}))
    assert list(found["variants"]) == [str(variant) for variant in (PLAIN, *usual)]
    assert found["metric"] == "median_distance_m"
    assert all(step["value"] > 0 for step in found["variants"].values())
    assert found["folder"].startswith("runs/") and found["folder"].endswith("-frozen-noise-same-sweep")
    assert (tmp_path / "own.svg").read_text().startswith("<?xml")
    for name in ("none", "jpeg-20"):
        result = read_result(tmp_path / found["folder"] / name / "result.json")
        assert "reference" in result.environment["stored_embeddings"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "fow:90"], "Did you mean 'fov'"),
        (["--variant", "fov:400"], "from 1 to 359"),
        (["--metric", "recall@2"], "no metric 'recall@2'"),
        (["--figure", "x.gif"], ".pdf, .png, .svg"),
        (["--device", "abacus"], "abacus"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(run_command, finished, tmp_path, arguments, message):
    answer = run_command("sweep", finished, *arguments)
    assert answer.code == 2 and message in answer.err and answer.err.count("\n") == 1


def test_only_finished_runs_are_swept(run_command, tmp_path):
    answer = run_command("sweep", tmp_path)
    assert answer.code == 2 and "is not a finished run: it has no result.json" in answer.err


def test_a_metric_without_a_value_is_refused(run_command, finished):
    answer = run_command("sweep", finished, "--metric", "mean_position_error_m", "--variant", "jpeg:10")
    assert answer.code == 2 and "mean_position_error_m has no value for Frozen backbone" in answer.err
    answer = run_command("sweep", finished, "--metric", "recall@1%", "--variant", "jpeg:10")
    assert answer.code == 2 and "(there are fewer than 100 references, and" in answer.err


def test_plain_queries_alone_are_a_sweep_too(run_command, finished):
    answer = run_command("sweep", finished, "--variant", "none", "--json")
    assert answer.code == 0 and list(json.loads(answer.out)["variants"]) == ["none"]
