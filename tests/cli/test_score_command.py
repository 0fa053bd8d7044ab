"""`cvgl-bench score` as a person meets it."""

import json

import numpy as np
import pytest

from cvgl_bench.ranking import read_outcome
from cvgl_bench.scoring.metrics import METRICS

PLACES = np.eye(9)
PERFECT = np.repeat(PLACES, 2, axis=0)


@pytest.fixture
def score(run_command, noise_world, tmp_path):
    """Return a function that scores embeddings of the noise world's 18 queries, two on each reference."""

    def run(*arguments, queries=PERFECT, references=PLACES, world=noise_world):
        card, root = world
        np.save(tmp_path / "q.npy", queries)
        np.save(tmp_path / "r.npy", references)
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
    assert "recall@1%+1 is recall@1 among 9 references." in shown.out
    listed = [m.id for m in METRICS if not m.requires and m.id != "recall@1%+1"]
    words = [line.split()[0] for line in shown.out.splitlines() if line]
    assert [word for word in words if word in listed][: len(listed)] == listed


def test_scores_made_elsewhere_are_compared_with_runs(score, run_command, tmp_path):
    score("--name", "right")
    score("--name", "wrong", "--output", tmp_path / "other", queries=PERFECT[::-1])
    shown = run_command("compare", tmp_path / "run", tmp_path / "other")
    assert shown.code == 0, shown.err
    assert "right - wrong" in shown.out


def test_joins_a_leaderboard_only_when_told(score, tmp_path):
    (tmp_path / "boards" / "results").mkdir(parents=True)
    shown = score("--leaderboard", tmp_path / "boards", "--json")
    result = json.loads(shown.out)
    assert result["origin"] == "embeddings"
    assert "embeddings made elsewhere" in (tmp_path / "boards" / "noise.md").read_text()


def test_the_first_look_changes_no_rank_and_is_recorded(score, tmp_path):
    queries = np.random.default_rng(0).standard_normal((18, 9))
    for precision in ("auto", "float32", "bfloat16"):
        output = ("--output", tmp_path / precision)
        shown = score("--rank-precision", precision, "--json", *output, queries=queries)
        assert json.loads(shown.out)["options"]["evaluation"]["rank_precision"] == precision
    first, *others = (
        read_outcome(tmp_path / precision / "outcome.parquet").ranking
        for precision in ("auto", "float32", "bfloat16")
    )
    for other in others:
        np.testing.assert_array_equal(other.rank, first.rank)
        np.testing.assert_array_equal(other.top_scores, first.top_scores)


def test_a_collapsed_model_scores_nothing(score, wide_world):
    """The covers do not save it: among equals they come last but for the truth."""
    count = len(list((wide_world[1] / "Bb" / "satellite").iterdir()))
    same = {"queries": np.ones((2 * count, 8)), "references": np.ones((count, 8)), "world": wide_world}
    found = json.loads(score("--json", **same).out)["metrics"]
    strata = [found["overall"], *found["by_decentrality"].values(), *found["by_city"].values()]
    for metric in METRICS:
        if metric.unit == "%" and metric.id in found["overall"]:
            assert {each[metric.id]["value"] for each in strata} == {0.0}, metric.id
    assert {"recall@1", "hit_rate", "covered@1"} <= set(found["overall"])
    assert found["overall"]["recall@1"]["count"] == 2 * count


def said(answer):
    """Return the lines on standard error."""
    return answer.err.splitlines()


def test_embeddings_that_are_not_finite_are_counted_and_named(score, tmp_path):
    bad = PERFECT.copy()
    bad[[1, 4, 5, 9, 12, 17], 0] = np.nan
    shown = score(queries=bad)
    assert shown.code == 1 and said(shown)[:-1] == ["rank references: begins"]
    assert "6 of 18 query embeddings are NaN or infinite (rows 1, 4, 5, 9, 12, ...)" in shown.err
    assert not (tmp_path / "run").exists()


def test_errors_are_one_line(score):
    short = score(queries=PERFECT[:8])
    assert short.code == 1 and "18 query rows" in said(short)[-1]
    assert said(short)[:-1] == ["rank references: begins"]
    narrow = score(references=np.ones((9, 8)))
    assert narrow.code == 1 and "have 9 dimensions, reference embeddings 8" in narrow.err
    longer = score("--no-normalise", queries=2 * PERFECT)
    assert longer.code == 1 and "18 of 18 query embeddings are not of unit length" in longer.err
    precision = score("--rank-precision", "float8")
    assert precision.code == 2 and "Choose auto, float32, bfloat16, float16" in precision.err
    device = score("--device", "abacus")
    assert device.code == 2 and "abacus" in device.err
