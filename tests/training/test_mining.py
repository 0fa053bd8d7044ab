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


@pytest.mark.parametrize(
    ("split", "published"),
    [("same", {"neighbour_metric": "degrees-as-radians"}), ("cross", {"neighbour_owner": "reference"})],
)
def test_published_neighbours_make_other_batches_and_stand_in_the_record(run, tmp_path, split, published):
    """At 33 degrees south the published distance is off; across areas every tile has two queries."""

    def trained(folder, **settings):
        settings = {"batch_size": 8, "neighbour_select": 2, "neighbour_pool": 2} | settings
        sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        done = run("--epochs", "1", *sets, "--output", folder, split=split)
        assert done.exit_code == 0, done.output
        recorded = json.loads((tmp_path / folder / "result.json").read_text())["options"]["training"]
        assert settings.items() <= recorded.items()
        return (tmp_path / folder / "losses.csv").read_text().split(",")[-1]

    assert trained("usual") != trained("published", **published)
