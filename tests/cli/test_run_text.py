"""What `run` says to somebody who has not used it before."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli

from ..conftest import MeanColour


def said(done):
    assert done.exit_code == 0, done.output
    return done.output


def test_only_what_was_set_is_printed_and_everything_where_it_is_asked_for(run):
    short = said(run("--set", "dimension=16", method="chance"))
    assert "settings: defaults; --verbose shows every one" in short
    assert "method.dimension=16 [--set]" in short and "embed_batch_size" not in short
    assert "training" not in short, "nothing is trained"
    every = said(run("--verbose", method="chance"))
    assert "embed_batch_size=64" in every and "dimension=64" in every
    assert "settings:" not in every and "learning_rate" not in every


def test_a_recipe_is_named_and_what_is_set_over_it(run, tmp_path, monkeypatch):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "default.yaml").write_text("method: {dimension: 8}")
    monkeypatch.setattr("cvgl_bench.builtins.baselines.Chance.recipes", recipes)
    printed = said(run(method="chance"))
    assert "settings: recipe default.yaml;" in printed and "dimension" not in printed
    assert "method.dimension=9 [--set]" in said(run("--set", "dimension=9", method="chance"))


def test_what_nobody_typed_is_not_said_to_be_set(run, tmp_path, monkeypatch):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "default.yaml").write_text("training: {epochs: 3, tuned_on: validation, tries: 4}")
    monkeypatch.setattr(MeanColour, "recipes", recipes)
    printed = said(run("--epochs", "1"))
    assert "training.epochs=1 [--epochs]" in printed and "tuned_on" not in printed and "tries" not in printed


def test_a_result_stands_beside_chance_with_where_it_lies(run):
    printed = said(run("--output", "out", method="chance"))
    assert re.search(r"^recall@1 .* 11\.11 % +18$", printed, re.MULTILINE), "one of nine references"
    assert "run: out (options.yaml, outcome.parquet, result.json)" in printed
    assert f"leaderboard: {Path('runs/leaderboards/noise.md')}" in printed
    assert "leaderboard:" not in said(run("--no-leaderboard", method="chance"))


@pytest.fixture
def proposed(run):
    """Return a function that runs a method and returns the commands that it proposes, in words."""

    def propose(method, *arguments):
        lines = said(run(*arguments, method=method)).partition("\nnext: ")[2].splitlines()
        return [shlex.split(line, comments=True)[1:] for line in lines]

    return propose


def test_the_next_commands_can_be_typed(proposed):
    report, show = proposed("chance", "--output", "out")
    for words, name in ((report, "report.html"), (show, "worst.png")):
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0 and Path("out", name).is_file(), done.output


def test_a_run_of_another_method_is_proposed_for_comparison(proposed):
    proposed("chance")
    assert "compare" not in [words[0] for words in proposed("chance", "--seed", "2")], "seeds are one method"
    report, compare, show = proposed("mean-colour", "--epochs", "1")
    assert (report[0], compare[0], show[0]) == ("report", "compare", "dataset")
    done = CliRunner().invoke(cli, compare)
    assert done.exit_code == 0 and "mean-colour" in done.output, done.output
    dark = proposed("mean-colour", "--epochs", "1", "--variant", "brightness:0.5")
    assert "compare" not in [words[0] for words in dark], "another variant is not compared"
