"""`cvgl-bench score` as a person meets it."""

import json

import numpy as np
import pytest

PERFECT = np.repeat(np.eye(9), 2, axis=0)


@pytest.fixture
def score(run_command, noise_world, tmp_path):
    """Return a function that scores embeddings of the noise world's 18 queries, two on each reference."""
    card, root = noise_world

    def run(*arguments, queries=PERFECT):
        np.save(tmp_path / "q.npy", queries)
        np.save(tmp_path / "r.npy", np.eye(9))
        files = ("--query-embeddings", tmp_path / "q.npy", "--reference-embeddings", tmp_path / "r.npy")
        place = ("--dataset", card, "--split", "cross", "--data-root", root, "--device", "cpu")
        return run_command("score", *files, *place, "--output", tmp_path / "run", *arguments)

    return run


def test_prints_metrics_and_writes_a_run(score, tmp_path):
    shown = score("--title", "Mine (2026)")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Mine (2026) on Noise, cross-area")
    assert "recall@1% is undefined: there are fewer than 100 references" in shown.out
    assert "decentrality" in shown.out and (tmp_path / "run" / "result.json").exists()


def test_scores_made_elsewhere_are_compared_with_runs(score, run_command, tmp_path):
    score("--name", "right")
    score("--name", "wrong", "--output", tmp_path / "other", queries=PERFECT[::-1])
    shown = run_command("compare", tmp_path / "run", tmp_path / "other", "--resamples", 100)
    assert shown.code == 0, shown.err
    assert "right - wrong" in shown.out


def test_joins_a_leaderboard_only_when_told(score, tmp_path):
    (tmp_path / "boards" / "results").mkdir(parents=True)
    shown = score("--leaderboard", tmp_path / "boards", "--json")
    result = json.loads(shown.out)
    assert result["origin"] == "embeddings"
    assert "embeddings made elsewhere" in (tmp_path / "boards" / "noise.md").read_text()


def test_errors_are_one_line(score):
    short = score(queries=PERFECT[:8])
    assert short.code == 1 and short.err.count("\n") == 1 and "18 query rows" in short.err
    device = score("--device", "abacus")
    assert device.code == 2 and "abacus" in device.err
