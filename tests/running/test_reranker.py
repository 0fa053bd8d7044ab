"""Runs that re-rank: found by name, recorded in full, and refused in one line where it cannot be."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

import cvgl_bench
import cvgl_bench.plugins
from cvgl_bench.builtins.bevmatch import BevMatch, BevMatchOptions
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.reranking import RANK_BEFORE
from cvgl_bench.foundation.errors import CvglError
from cvgl_bench.ranking import read_outcome
from cvgl_bench.running.record import reranking_record
from cvgl_bench.scoring.results import read_result

TRAINED = ["--epochs", "2", "--set", "learning_rate=0.03", "--no-leaderboard"]
AGAIN = ["--eval-only", "--checkpoint", "first/weights.safetensors", "--no-leaderboard"]
SMALL = "rerank_set=[radius_m=3, size=32]"
BEVMATCH = ["--set", "rerank=bevmatch", "--set", "rerank_top=4", "--set", SMALL]


@pytest.fixture
def first(run):
    done = run(*TRAINED, "--output", "first")
    assert done.exit_code == 0, done.output


def test_weights_of_a_run_are_evaluated_again_with_a_second_look(run, first, tmp_path):
    done = run(*AGAIN, *BEVMATCH, "--output", "second")
    assert done.exit_code == 0, done.output
    plain, again = (read_outcome(tmp_path / name / "outcome.parquet") for name in ("first", "second"))
    np.testing.assert_array_equal(again.extra[RANK_BEFORE], plain.ranking.rank)
    for k in range(4, 10):
        np.testing.assert_array_equal(again.ranking.rank < k, plain.ranking.rank < k)
    result = read_result(tmp_path / "second")
    record = result.reranking
    assert (record.method.name, record.top, record.options["radius_m"]) == ("bevmatch", 4, 3.0)
    assert result.options["evaluation"]["rerank"] == "bevmatch"
    assert record.recall_after == result.metrics.overall["recall@1"].value
    assert record.recall_before == np.mean(plain.ranking.rank == 0)
    assert record.recall_of_top == np.mean(plain.ranking.rank < 4)
    assert record.recall_after - record.recall_before == pytest.approx(
        (record.gained - record.lost) / len(plain)
    )
    assert result.seconds["rerank"] > 0 < record.ms_per_query
    assert f"re-ranking: bevmatch takes recall@1 from {100 * record.recall_before:.2f} to" in done.output
    assert read_result(tmp_path / "first").reranking is None


def test_what_a_second_look_changed_is_counted(make_outcome):
    """Of eight queries three are at the first place before and four after; one lies just behind the four."""
    before = np.array([0, 0, 0, 1, 2, 3, 4, 9.0])
    found = make_outcome([0, 0, 3, 0, 0, 1, 4, 9], extra={RANK_BEFORE: before})
    run = SimpleNamespace(
        reranker=BevMatch(BevMatchOptions()),
        options=SimpleNamespace(evaluation=EvaluationOptions(rerank="bevmatch", rerank_top=4)),
        plugins=cvgl_bench.plugins.load_plugins(),
    )
    record = reranking_record(run, found, 0.4)
    assert (record.recall_before, record.recall_after, record.recall_of_top) == (3 / 8, 4 / 8, 6 / 8)
    assert record.recovered == pytest.approx(1 / 3)
    assert (record.gained, record.lost, record.ms_per_query) == (2, 1, 50)


def test_epochs_are_compared_without_a_second_look(run, tmp_path):
    """What is chosen among is trained; the second look is at the chosen one alone."""
    chosen = ["--set", "select=validation", "--set", "validation_fraction=0.5"]
    done = run(*TRAINED, *chosen, *BEVMATCH, "--output", "chosen")
    assert done.exit_code == 0, done.output
    result = read_result(tmp_path / "chosen")
    assert result.selection.rule == "validation" and result.reranking.method.name == "bevmatch"


def test_a_finished_run_that_re_ranked_gives_the_same_from_python(run, first, tmp_path):
    assert run(*AGAIN, *BEVMATCH, "--output", "second").exit_code == 0
    kept = cvgl_bench.load_run(tmp_path / "second")
    options = kept.options.evaluation
    found = cvgl_bench.evaluate(kept.method, kept.network, kept.task.test, options=options, workers=0)
    np.testing.assert_array_equal(found.ranking.rank, kept.outcome.ranking.rank)


def test_a_run_from_before_re_ranking_means_none(run, first, tmp_path):
    path = tmp_path / "first" / "options.yaml"
    saved = yaml.safe_load(path.read_text())
    for name in ("rerank", "rerank_top", "rerank_set"):
        del saved["options"]["evaluation"][name]
    path.write_text(yaml.safe_dump(saved))
    assert cvgl_bench.load_run(tmp_path / "first").options.evaluation.rerank == "none"


def test_bevmatch_ranks_alone(run, tmp_path):
    done = run("--no-leaderboard", "--output", "alone", "--set", "method.size=32", method="bevmatch")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "alone/result.json").read_text())["selection"]["rule"] == "none"


REFUSED = {
    "too many": (
        ["rerank=bevmatch", "rerank_top=10"],
        "rerank_top is 10, but split .* has only 9 ref",
    ),
    "unknown": (["rerank=bevmacht"], "bevmatch"),
    "embeds": (["rerank=chance"], "which embeds images and scores no pairs of them. Those that do: bevmatch"),
    "no option": (["rerank=bevmatch", "rerank_top=4", "rerank_set=[radius=3]"], "no such option"),
    "no value": (["rerank=bevmatch", "rerank_top=4", "rerank_set=[radius_m]"], "not of the form key=value"),
    "nothing named": (["rerank_set=[radius_m=3]"], "evaluation.rerank is none"),
    "cannot be used": (
        ["rerank=bevmatch", "rerank_top=4", "rerank_set=[radius_m=1, size=32]"],
        "sees 3 pixels of a tile",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_re_ranked_is_refused_before_training(run, tmp_path, name):
    settings, reason = REFUSED[name]
    flags = [word for setting in settings for word in ("--set", setting)]
    done = run(*TRAINED, *flags, "--output", "refused")
    assert isinstance(done.exception, CvglError), done.output
    assert re.search(reason, str(done.exception))
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "refused").exists()
