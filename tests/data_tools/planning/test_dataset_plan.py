"""The command `dataset plan`, and its figure."""

from __future__ import annotations

import json

import numpy as np
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli.dataset_plan import command
from cvgl_bench.data_tools.planning import figure
from cvgl_bench.foundation.errors import OptionError, UsageError

from .test_tilings import LONDON, result


def invoke(*arguments) -> str:
    outcome = CliRunner(catch_exceptions=False).invoke(command, ["--area", LONDON, *map(str, arguments)])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_the_table_shows_every_combination():
    output = invoke("--zoom", 18, "--tile-px", 224, "--tile-px", 320)
    rows = [line.split() for line in output.splitlines() if line.strip().startswith("18")]
    assert [(row[1], row[2]) for row in rows] == [
        (px, o) for px in ("224", "320") for o in ("0%", "25%", "50%")
    ]
    assert "expected" not in output


def test_a_run_adds_the_recall_to_expect(tmp_path):
    run = result(tmp_path / "result.json", {"0.0-0.5": 0.8})
    output = invoke("--zoom", 18, "--tile-px", 224, "--run", run)
    last = [line.split()[-1] for line in output.splitlines() if line.strip().startswith("18")]
    assert last == ["-", "-", "80.0%"]
    assert "Method (Venue 2025) on dress (cross)" in output and "hardly measured" in output


def test_a_script_gets_json(tmp_path):
    report = json.loads(invoke("--zoom", 19, "--tile-px", 224, "--overlap", 0.5, "--json"))
    assert report["run"] is None and len(report["tilings"]) == 1
    assert report["tilings"][0]["views"] == 4


def test_the_figure_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(figure, "DOTS_PER_INCH", 100)
    run = result(tmp_path / "result.json", {"0.0-0.5": 0.8, "0.5-1.0": 0.3})
    invoke("--figure", tmp_path / "plan.png", "--run", run)
    pixels = np.asarray(Image.open(tmp_path / "plan.png").convert("RGB")).astype(int)
    assert pixels.shape[:2] == (340, 720)
    assert (np.abs(pixels - (0, 114, 178)).sum(axis=2) < 20).sum() > 100
    assert (pixels[:, :3] == 255).all() and (pixels[:, -3:] == 255).all()
    assert not list(tmp_path.glob(".*"))


def test_wrong_requests_say_so(tmp_path):
    for arguments, error, text in (
        (["--area", "1,2"], OptionError, "west,south,east,north"),
        (["--area", LONDON, "--figure", str(tmp_path / "plan.jpg")], UsageError, ".pdf, .png, .svg"),
    ):
        outcome = CliRunner().invoke(command, arguments)
        assert isinstance(outcome.exception, error) and text in str(outcome.exception)
    assert CliRunner().invoke(command, ["--area", LONDON, "--overlap", "1"]).exit_code == 2
    assert CliRunner().invoke(command, []).exit_code == 2
