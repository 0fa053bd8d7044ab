"""Similarity mining with an approximate index, in a run that trains by it."""

import json
import re

import pytest

from cvgl_bench.ranking import neighbours


@pytest.mark.parametrize("index", ["ivf", "ivf-pq"])
def test_a_run_mines_by_an_index_and_says_how_much_it_finds(run, wide_world, tmp_path, monkeypatch, index):
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 256)
    monkeypatch.setattr(neighbours, "CELL_REFERENCES", 40)
    monkeypatch.setattr(neighbours, "VISITED_SHARE", 0.5)
    settings = {"batch_size": 32, "learning_rate": 0.03, "neighbour_pool": 16, "mine_every": 1}
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    done = run("--epochs", "3", *sets, "--set", f"mine_index={index}", "--output", "o", world=wide_world)
    assert done.exit_code == 0, done.output
    mined = re.findall(
        r"mined for epoch (\d): 17 neighbours of 578 queries, index (\S+): (.+)% of", done.output
    )
    assert [(epoch, used) for epoch, used, _ in mined] == [("2", index), ("3", index)]
    assert all(50 < float(share) <= 100 for *_, share in mined), mined
    recall = json.loads((tmp_path / "o/result.json").read_text())["metrics"]["overall"]["recall@1"]
    assert recall["low"] > 0.1, "what it mined is good enough to learn from"
