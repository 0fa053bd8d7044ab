"""`cvgl-bench compare` as a person meets it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cvgl_bench.ranking import read_outcome
from cvgl_bench.views.images import read_image


@pytest.fixture
def compare(run_command):
    """Return a function that runs `cvgl-bench compare`."""
    return lambda *arguments: run_command("compare", *arguments)


def test_table_of_two_methods_with_seeds(write_run, compare):
    folders = [
        write_run(method, seed, share=share)
        for method, share, first in (("sample4geo", 0.5, 1), ("auxgeo", 0.7, 4))
        for seed in range(first, first + 3)
    ]
    shown = compare(*folders)
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[0] == "mini, cross-area: 240 queries, the same in every run."
    assert "  sample4geo  3 runs, seeds 1, 2, 3" in lines
    (recall,) = [line for line in lines if line.startswith("recall@1  ")]
    assert recall.rstrip().endswith(" a") and " b " in recall
    assert "auxgeo is better" in shown.out
    assert "0.5-1.0" in shown.out
    legend = " ".join(lines[lines.index(next(line for line in lines if line.startswith("In brackets"))) :])
    assert "95 % intervals" in legend and "'a' is the best group" in legend
    assert "shown by their mean; its intervals include the spread between seeds" in legend
    assert "these weights" not in shown.out


def test_table_of_three_single_runs_and_a_chosen_metric(write_run, compare):
    folders = [write_run(name, share=share) for name, share in (("a", 0.4), ("b", 0.41), ("c", 0.8))]
    shown = compare(*folders, "--metric", "median_distance_m")
    assert shown.code == 0, shown.err
    assert "difference in median_distance_m" in shown.out
    assert "cannot be told apart" in shown.out and "these weights of c are better" in shown.out
    assert " c is better" not in shown.out
    assert "With fewer than three runs a side a verdict is on these weights" in shown.out


def test_json_holds_every_metric_and_stratum(write_run, compare):
    shown = compare(write_run("a"), write_run("b", share=0.8), "--json")
    found = json.loads(shown.out)
    assert found["methods"] == {"a": ["a-1"], "b": ["b-1"]}
    assert set(found["standings"]["recall@1"]) == {"overall", "0.0-0.5", "0.5-1.0"}
    assert found["standings"]["recall@1"]["overall"]["b"]["letters"] == "a"
    overall = [d for d in found["differences"] if (d["metric"], d["stratum"]) == ("recall@1", "overall")]
    assert overall[0]["told_apart"] and overall[0]["claim"] == "weights"


def test_the_figure_and_the_json_show_recall_against_decentrality(write_run, compare, tmp_path):
    folders = [write_run("a"), write_run("b", share=0.8)]
    shown = compare(*folders, "--figure", tmp_path / "curves.png")
    assert shown.code == 0, shown.err
    assert f"Wrote {tmp_path / 'curves.png'}" in shown.out.replace("\n", "")
    colours = np.unique(read_image(tmp_path / "curves.png").reshape(-1, 3), axis=0).tolist()
    assert [0, 114, 178] in colours and [213, 94, 0] in colours
    curves = json.loads(compare(*folders, "--json").out)["curves"]["recall@1"]
    assert set(curves) == {"a", "b"}
    assert np.mean(curves["b"]["value"]) > np.mean(curves["a"]["value"])
    assert all(low <= value for low, value in zip(curves["a"]["low"], curves["a"]["value"], strict=True))


def test_curves_against_metres_to_the_border(write_run, compare, tmp_path):
    folders = [write_run("a"), write_run("b", share=0.8)]
    shown = compare(*folders, "--axis", "border", "--figure", tmp_path / "curves.png")
    assert shown.code == 0 and (tmp_path / "curves.png").is_file()
    curves = json.loads(compare(*folders, "--axis", "border", "--json").out)["curves"]["recall@1"]
    assert list(curves["a"]) == ["border_m", "value", "low", "high"]
    assert 28 < max(curves["a"]["border_m"]) <= 30


def test_a_curve_against_what_is_not_known_is_refused(write_run, make_outcome, compare, tmp_path):
    folders = [write_run("a"), write_run("b", share=0.8)]
    for folder in folders:  # as an outcome of version 0.1, which says nothing of borders
        outcome = read_outcome(folder / "outcome.parquet")
        frame = replace(outcome, border_m=np.empty(0)).to_frame().drop(columns=["border_m"])
        frame.to_parquet(folder / "outcome.parquet")
    shown = compare(*folders, "--axis", "border", "--figure", tmp_path / "curves.png")
    assert shown.code == 2 and "known distance to their tile's border" in shown.err
    assert compare(*folders).code == 0


def test_a_figure_of_a_median_or_of_an_unknown_kind_is_refused(write_run, compare, tmp_path):
    folders = [write_run("a"), write_run("b", share=0.8)]
    shown = compare(*folders, "--metric", "median_distance_m", "--figure", tmp_path / "curves.png")
    assert shown.code == 2 and "is a median" in shown.err
    shown = compare(*folders, "--figure", tmp_path / "curves.txt")
    assert shown.code == 2 and ".pdf, .png, .svg" in shown.err
    assert not list(tmp_path.glob("curves.*"))


def test_runs_can_be_kept_apart(write_run, compare):
    shown = compare(write_run("a", 1), write_run("a", 2), "--no-pool")
    assert "a seed 1 - a seed 2" in shown.out


def test_options_that_do_not_fit_a_heading_stand_above(write_run, compare):
    long = {"a_rather_long_option": "with_a_rather_long_value"}
    shown = compare(write_run("a", 1, **long), write_run("a", 2)).out.splitlines()
    assert "    a_rather_long_option=with_a_rather_long_value" in shown
    assert max(map(len, shown)) < 130


def test_a_metric_that_is_not_reported_is_named(write_run, compare):
    shown = compare(write_run("a"), write_run("b"), "--metric", "mean_position_error_m")
    assert shown.code == 0 and "mean_position_error_m is not reported by all" in shown.out


def test_wrong_usage(write_run, compare, tmp_path):
    one = compare(write_run("a"))
    assert one.code == 2 and "at least two run folders" in one.err
    unknown = compare("x", "y", "--metric", "recal@1")
    assert unknown.code == 2 and "Did you mean 'recall@1'" in unknown.err
    missing = compare(tmp_path / "a-1", tmp_path / "nowhere")
    assert missing.code == 1 and "nowhere is not a finished run" in missing.err
    same = compare(tmp_path / "a-1", tmp_path / "a-1")
    assert same.code == 2 and "given twice" in same.err


def test_a_run_whose_outcome_was_removed_is_named(write_run, compare):
    folders = [write_run("a"), write_run("b", share=0.8)]
    (folders[1] / "outcome.parquet").unlink()
    shown = compare(*folders)
    assert shown.code == 1 and "There is no outcome" in shown.err and "b-1/outcome.parquet" in shown.err
