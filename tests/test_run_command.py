"""The main job, end to end, on a world of noise with methods made for the test."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

from cvgl_bench.cli import cli
from cvgl_bench.foundation import cache
from cvgl_bench.foundation.errors import CvglError, DataError, PluginError
from cvgl_bench.ranking import neighbours, read_outcome
from cvgl_bench.training.options import TrainingOptions

from .conftest import QUICK, MeanColour


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def test_a_run_trains_evaluates_records_and_ranks(run, tmp_path):
    done = run("--epochs", "6", "--set", "learning_rate=0.05", "--output", "out")
    assert done.exit_code == 0, done.output
    out = tmp_path / "out"
    files = {path.name for path in out.iterdir()}
    measured = {"losses.csv", "steps.csv", "outcome.parquet", "result.json"}
    assert files == {"options.yaml", "weights.safetensors"} | measured
    losses = [float(row["total"]) for row in csv.DictReader((out / "losses.csv").read_text().splitlines())]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    result = result_of(out)
    overall = result["metrics"]["overall"]
    assert overall["recall@1"]["value"] == pytest.approx(
        (read_outcome(out / "outcome.parquet").ranking.rank == 0).mean()
    )
    assert overall["recall@1"]["count"] == 18
    assert set(result["metrics"]["by_city"]) == {"Bb"}
    assert result["options"]["training"]["epochs"] == 6
    assert result["selection"] == {"rule": "last", "epoch": 6, "city": None}
    assert "recall@1" in done.output and "m to the border" in done.output
    assert sum(table["recall@1"]["count"] for table in result["metrics"]["by_border"].values()) == 18
    boards = tmp_path / "runs" / "leaderboards"
    assert "Mean colour" in (boards / "noise.md").read_text()
    assert len(list((boards / "results").glob("*.json"))) == 1


def test_a_plugins_metric_stands_beside_the_built_in_ones(run, tmp_path):
    for seed in ("1", "2"):
        done = run("--epochs", "1", "--seed", seed, "--output", f"seed{seed}")
        assert done.exit_code == 0, done.output
    assert "log_rank" in done.output
    metrics = result_of(tmp_path / "seed1")["metrics"]
    log_rank = np.log1p(read_outcome(tmp_path / "seed1/outcome.parquet").ranking.rank)
    overall = metrics["overall"]["log_rank"]
    assert overall["value"] == pytest.approx(log_rank.mean())
    assert overall["low"] <= overall["value"] <= overall["high"] and overall["count"] == 18
    assert metrics["by_city"]["Bb"]["log_rank"]["value"] == pytest.approx(overall["value"])
    bins = [each["log_rank"] for each in metrics["by_decentrality"].values()]
    assert sum(each["count"] for each in bins) == 18
    assert "log_rank" in (tmp_path / "runs/leaderboards/noise.md").read_text()
    compared = CliRunner().invoke(cli, ["compare", "seed1", "seed2", "--no-pool", "--metric", "log_rank"])
    assert compared.exit_code == 0, compared.output
    assert "difference in log_rank" in compared.output and "log_rank by decentrality" in compared.output


def test_a_run_repeats_itself_to_the_bit_whatever_the_workers(run, tmp_path):
    for name, workers in (("a", "0"), ("b", "2")):
        done = run("--epochs", "2", "--output", name, "--workers", workers, "--no-leaderboard")
        assert done.exit_code == 0, done.output
    first, second = (read_outcome(tmp_path / name / "outcome.parquet").ranking for name in "ab")
    np.testing.assert_array_equal(first.top_scores, second.top_scores)
    assert not (tmp_path / "runs").exists()


def test_seeds_are_runs_of_their_own_like_those_made_one_by_one(run, tmp_path):
    done = run("--epochs", "1", "--seeds", "3,5", "--output", "both")
    assert done.exit_code == 0, done.output
    assert done.output.count("epoch   1/1") == 2
    assert run("--epochs", "1", "--seed", "5", "--output", "alone").exit_code == 0
    both, alone = tmp_path / "both" / "seed-5", tmp_path / "alone"
    assert (both / "weights.safetensors").read_bytes() == (alone / "weights.safetensors").read_bytes()
    assert result_of(both)["metrics"] == result_of(alone)["metrics"]
    assert result_of(tmp_path / "both" / "seed-3")["options"]["training"]["seed"] == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "1,1"], "takes different whole numbers"),
        (["--seeds", "one"], "takes different whole numbers"),
        (["--seeds", "1,2", "--seed", "3"], "Leave out --seed and --json"),
        (["--seeds", "1,2", "--json"], "Leave out --seed and --json"),
        (["--seeds", "1,2", "--output", "there"], "seed-2 exists, and a run is never overwritten"),
    ],
)
def test_seeds_that_cannot_be_are_refused_before_the_first_run(run, tmp_path, flags, message):
    (tmp_path / "there" / "seed-2").mkdir(parents=True)
    done = run(*flags)
    assert done.exit_code == 2 and message in done.output
    assert not list(tmp_path.rglob("options.yaml"))


def test_a_run_folder_is_never_overwritten(run, tmp_path):
    (tmp_path / "out").mkdir()
    done = run("--output", "out")
    assert isinstance(done.exception, CvglError)
    assert "never overwritten" in str(done.exception)
    assert list((tmp_path / "out").iterdir()) == []


def test_weights_of_a_run_can_be_evaluated_alone(run, tmp_path):
    assert run("--epochs", "3", "--output", "a").exit_code == 0
    done = run("--eval-only", "--checkpoint", "a/weights.safetensors", "--output", "b")
    assert done.exit_code == 0, done.output
    first, second = result_of(tmp_path / "a"), result_of(tmp_path / "b")
    assert first["metrics"] == second["metrics"]
    assert first["checkpoint_sha256"] == second["checkpoint_sha256"]
    assert second["options"]["training"] == {"seed": 1}
    refused = run("--eval-only", "--output", "c")
    assert "needs --checkpoint" in str(refused.exception)


def test_mining_says_how_much_its_index_finds(run, tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 1)
    monkeypatch.setattr(neighbours, "CELL_REFERENCES", 4)
    settings = ["--epochs", "2", "--set", "mine_every=1", "--set", "neighbour_pool=3"]
    done = run(*settings, "--set", "mine_index=ivf", "--output", "ivf")
    assert done.exit_code == 0, done.output
    found = re.search(r"mined for epoch 2: 4 neighbours of \d+ queries, index ivf: ([\d.]+)% of", done.output)
    assert found and 0 < float(found[1]) <= 100
    assert result_of(tmp_path / "ivf")["options"]["training"]["mine_index"] == "ivf"
    assert "recall@1% is undefined: there are fewer than 100 references" in done.output
    exact = run(*settings, "--output", "flat")
    assert exact.exit_code == 0 and "index flat: exact" in exact.output
    refused = run(*settings, "--set", "mine_index=hnsw", "--output", "none")
    assert refused.exit_code != 0 and "ivf-pq" in refused.output + str(refused.exception)


def test_every_index_of_the_search_can_be_chosen_for_mining():
    assert get_args(get_type_hints(TrainingOptions)["mine_index"]) == neighbours.INDEXES


def test_an_interrupted_run_resumes_to_the_same_result(run, tmp_path, monkeypatch):
    settings = ["--epochs", "4", "--set", "mine_every=2"]
    assert run(*settings, "--output", "whole").exit_code == 0
    steps = MeanColour.criterion
    calls = iter(range(10**6))

    def interrupted(self, *given):
        if next(calls) == 9:
            raise KeyboardInterrupt
        return steps(self, *given)

    monkeypatch.setattr(MeanColour, "criterion", interrupted)
    assert run(*settings, "--output", "cut").exit_code != 0
    assert not (tmp_path / "cut" / "result.json").exists()
    monkeypatch.setattr(MeanColour, "criterion", steps)
    done = CliRunner().invoke(cli, ["run", "--resume", "cut"])
    assert done.exit_code == 0, done.output
    first, second = (read_outcome(tmp_path / name / "outcome.parquet").ranking for name in ("whole", "cut"))
    np.testing.assert_array_equal(first.top_scores, second.top_scores)
    assert "finished" in str(CliRunner().invoke(cli, ["run", "--resume", "cut"]).exception)
    refused = CliRunner().invoke(cli, ["run", "--resume", "cut", "--epochs", "9", "--device", "cpu"])
    assert refused.exit_code == 2 and "Leave out --epochs, --device" in refused.output


@pytest.mark.parametrize("select", ["validation", "test"])
def test_the_epoch_can_be_chosen_and_the_record_says_how(run, tmp_path, select):
    done = run(
        "--epochs", "3", "--set", f"select={select}", "--set", "validation_fraction=0.4", "--output", "o"
    )
    assert done.exit_code == 0, done.output
    selection = result_of(tmp_path / "o")["selection"]
    assert selection["rule"] == select
    assert 1 <= selection["epoch"] <= 3
    assert not (tmp_path / "o" / "best.safetensors").exists()


def test_chunks_are_recorded(run, tmp_path):
    assert run("--epochs", "1", "--set", "chunk=3", "--output", "o").exit_code == 0
    assert result_of(tmp_path / "o")["options"]["training"]["chunk"] == 3
    environment = result_of(tmp_path / "o")["environment"]
    assert (environment["chunk"], environment["normalised_over"]) == (3, "pair")
    assert run("--epochs", "1", "--output", "p").exit_code == 0
    assert "chunk" not in result_of(tmp_path / "p")["environment"]


def test_a_loss_that_is_no_longer_finite_stops_the_run(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        MeanColour, "criterion", lambda self, network, *_: {"nan": network.scale * float("nan")}
    )
    done = run("--output", "o")
    assert "no longer finite in epoch 1" in str(done.exception)
    assert not (tmp_path / "o" / "result.json").exists()


def test_a_subset_of_cities_is_marked_partial(run, tmp_path):
    done = run("--cities", "Aa", "--epochs", "1", "--output", "o", split="same")
    assert done.exit_code == 0, done.output
    task = result_of(tmp_path / "o")["task"]
    assert task["partial"] is True
    assert task["cities"] == ["Aa"]


def stored():
    return [entry.title for entry in cache.entries(cache.cache_folder(), "embeddings")]


def test_reported_weights_are_embedded_once_and_the_record_says_so(run, tmp_path, monkeypatch):
    done = run("--epochs", "2", "--set", "select=validation", "--set", "validation_fraction=0.4")
    assert done.exit_code == 0, done.output
    assert len(stored()) == 2, "the queries and references of the reported weights, none of validation"
    (out,) = (tmp_path / "runs").glob("*-noise-cross")
    weights = ("--eval-only", "--checkpoint", str(out / "weights.safetensors"))
    monkeypatch.setattr(MeanColour, "prepare", lambda *_: pytest.fail("an image was prepared again"))
    done = run(*weights, "--output", "b")
    assert done.exit_code == 0, done.output
    assert "references: 9 embeddings from the store" in done.output
    first, second = result_of(out), result_of(tmp_path / "b")
    assert first["metrics"] == second["metrics"]
    assert "stored_embeddings" not in first["environment"]
    assert second["environment"]["stored_embeddings"] == ["reference", "query"]


def test_edited_code_is_embedded_anew_and_code_without_a_file_is_not_stored(run, tmp_path, monkeypatch):
    assert run("--epochs", "1", "--output", "a").exit_code == 0
    weights = ("--eval-only", "--checkpoint", "a/weights.safetensors")
    monkeypatch.setattr("cvgl_bench.running.execution.code_digest", lambda method: "edited")
    assert "from the store" not in run(*weights, "--output", "b").output
    assert len(stored()) == 4
    monkeypatch.setattr("cvgl_bench.running.execution.code_digest", lambda method: None)
    assert run(*weights, "--output", "c").exit_code == 0
    assert len(stored()) == 4


def test_code_edited_while_it_trains_is_not_taken_for_the_code_that_ran(run, monkeypatch):
    code = ["before"]
    monkeypatch.setattr("cvgl_bench.running.execution.code_digest", lambda method: code[0])
    criterion = MeanColour.criterion

    def edited(self, *given):
        code[0] = "after"
        return criterion(self, *given)

    monkeypatch.setattr(MeanColour, "criterion", edited)
    assert run("--epochs", "1", "--output", "a").exit_code == 0
    manifests = (cache.cache_folder() / "embeddings").glob("*/manifest.json")
    assert {json.loads(file.read_text())["key"]["code"] for file in manifests} == {"before"}


def test_the_store_can_be_switched_off(run, tmp_path):
    assert run("--epochs", "1", "--output", "a", "--set", "store_gb=0").exit_code == 0
    assert stored() == []
    assert run("--epochs", "1", "--output", "b").exit_code == 0
    weights = ("--eval-only", "--checkpoint", "b/weights.safetensors")
    done = run(*weights, "--output", "c", "--set", "store_gb=0")
    assert "from the store" not in done.output
    kinds = [result_of(tmp_path / name)["metrics"] for name in "abc"]
    assert kinds[0] == kinds[1] == kinds[2]


def test_stored_rows_are_what_score_takes(run, noise_world, tmp_path):
    """In the order of `dataset export`, to the same figures."""
    assert run("--epochs", "2", "--output", "a").exit_code == 0
    listing = json.loads(CliRunner().invoke(cli, ["cache", "list", "--json"]).output)["entries"]
    files = {
        side: next(e["path"] for e in listing if side in e["title"]) for side in ("queries", "references")
    }
    card, root = noise_world
    line = ["score", "--dataset", str(card), "--split", "cross", "--data-root", str(root), "--output", "s"]
    line += ["--query-embeddings", f"{files['queries']}/embeddings.npy"]
    line += ["--reference-embeddings", f"{files['references']}/embeddings.npy", "--no-normalise"]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 0, done.output
    first, second = (read_outcome(tmp_path / name / "outcome.parquet").ranking for name in "as")
    np.testing.assert_array_equal(first.top_scores, second.top_scores)
    np.testing.assert_array_equal(first.rank, second.rank)


def test_a_variant_is_recorded_and_kept_apart_from_the_ranking(run, tmp_path):
    assert run("--epochs", "2", "--output", "a").exit_code == 0
    done = run("--epochs", "2", "--output", "b", "--variant", "brightness:0.25")
    assert done.exit_code == 0, done.output
    plain, dark = result_of(tmp_path / "a"), result_of(tmp_path / "b")
    assert (plain["task"].pop("variant"), dark["task"].pop("variant")) == ("none", "brightness:0.25")
    assert plain["task"] == dark["task"]
    assert dark["id"].endswith("-noise-cross-brightness-0.25")
    first, second = (read_outcome(tmp_path / name / "outcome.parquet").ranking for name in "ab")
    assert not np.array_equal(first.top_scores, second.top_scores)
    assert plain["checkpoint_sha256"] == dark["checkpoint_sha256"], "training saw no variant"
    page = (tmp_path / "runs/leaderboards/noise.md").read_text()
    ranked, apart = page.split("### Kept apart: variant brightness:0.25")
    assert ranked.count("| Mean colour") == apart.count("| Mean colour") > 0
    assert "variant" not in ranked


def test_a_trained_run_is_swept_with_its_weights_and_options(run, tmp_path):
    assert run("--epochs", "2", "--set", "embed_batch_size=5", "--output", "a").exit_code == 0
    line = ["sweep", "a", "--variant", "brightness:0.5", "--output", "s", "--leaderboard", "boards"]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 0, done.output
    plain, dark = (result_of(tmp_path / "s" / name) for name in ("none", "brightness-0.5"))
    trained = result_of(tmp_path / "a")
    assert plain["metrics"] == trained["metrics"]
    assert dark["checkpoint_sha256"] == plain["checkpoint_sha256"] == trained["checkpoint_sha256"]
    assert dark["options"]["evaluation"] == trained["options"]["evaluation"]
    assert plain["environment"]["stored_embeddings"] == ["reference", "query"]
    assert dark["environment"]["stored_embeddings"] == ["reference"]
    assert dark["task"]["variant"] == "brightness:0.5"
    assert "Kept apart: variant brightness:0.5" in (tmp_path / "boards" / "noise.md").read_text()
    compared = CliRunner().invoke(cli, ["compare", "s/none", "s/brightness-0.5"])
    assert compared.exit_code == 0 and "mean-colour brightness:0.5" in compared.output


def test_a_sweep_needs_the_run_whole(run, tmp_path):
    assert run("--epochs", "1", "--output", "a").exit_code == 0
    (tmp_path / "a" / "weights.safetensors").unlink()
    done = CliRunner().invoke(cli, ["sweep", "a"])
    assert "holds no weights to evaluate" in str(done.exception) and done.exception.exit_code == 2
    (tmp_path / "a" / "options.yaml").unlink()
    done = CliRunner().invoke(cli, ["sweep", "a"])
    assert "does not say what was run" in str(done.exception)


def test_the_request_is_recorded_in_full(run, tmp_path):
    run("--epochs", "1", "--output", "o", "--no-leaderboard")
    saved = yaml.safe_load((tmp_path / "o" / "options.yaml").read_text())
    assert saved["request"]["method"] == "mean-colour"
    assert saved["options"]["training"]["batch_size"] == 4


def test_what_was_given_by_its_path_is_found_from_anywhere(run, noise_world, tmp_path, monkeypatch):
    card, root = noise_world
    monkeypatch.chdir(card.parent)
    line = ["run", "--method", "mean-colour", "--dataset", card.name, "--split", "cross", *QUICK]
    line += ["--data-root", root.name, "--epochs", "1", "--no-leaderboard", "--output", str(tmp_path / "o")]
    assert CliRunner().invoke(cli, line).exit_code == 0
    request = yaml.safe_load((tmp_path / "o" / "options.yaml").read_text())["request"]
    assert (request["dataset"], request["data_root"]) == (str(card), str(root))
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli, ["sweep", "o", "--variant", "brightness:0.5"]).exit_code == 0


def test_published_is_recorded_option_by_option(run, tmp_path, monkeypatch):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "published.yaml").write_text("training: {neighbour_owner: reference, mine_every: 0}")
    refused = run("--published", "--output", "none")
    assert "has no recipe 'published.yaml'" in str(refused.exception)
    monkeypatch.setattr(MeanColour, "recipes", recipes)
    done = run("--published", "--epochs", "1", "--set", "mine_every=1", "--output", "out")
    assert done.exit_code == 0, done.output
    assert "neighbour_owner=reference [published.yaml]" in " ".join(done.output.split())
    recorded = result_of(tmp_path / "out")["options"]["training"]
    assert (recorded["neighbour_owner"], recorded["mine_every"]) == ("reference", 1)
    saved = yaml.safe_load((tmp_path / "out/options.yaml").read_text())
    assert saved["request"]["published"] is True
    assert saved["options"]["training"]["neighbour_owner"] == "reference"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "mean-color"}, "Did you mean 'mean-colour'"),
        ({"split": "crss"}, "cross"),
        ({"variant": "fow:90"}, "Did you mean 'fov'"),
    ],
)
def test_names_nobody_knows_get_a_suggestion_and_leave_no_folder(run, tmp_path, change, message):
    variant = change.get("variant", "none")
    done = run("--output", "o", "--variant", variant, **{k: v for k, v in change.items() if k != "variant"})
    assert message in str(done.exception)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "o").exists()


def test_a_missing_image_is_found_before_training(run, noise_world, tmp_path):
    victim = next((noise_world[1] / "Aa" / "panorama").iterdir())
    hidden = victim.rename(victim.with_suffix(".hidden"))
    try:
        done = run("--output", "o")
    finally:
        hidden.rename(victim)
    assert victim.name in str(done.exception)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_image_that_breaks_off_is_named_in_one_line_whoever_reads_it(run, noise_world, tmp_path, workers):
    victim = next((noise_world[1] / "Aa" / "panorama").iterdir())
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    try:
        done = run("--output", "o", "--workers", workers)
    finally:
        victim.write_bytes(whole)
    assert isinstance(done.exception, CvglError)
    assert str(done.exception).startswith(f"The image {victim} is damaged")
    assert "\n" not in str(done.exception)
    assert not (tmp_path / "o" / "result.json").exists()


def test_a_pair_that_a_method_cannot_use_is_named(run, monkeypatch):
    def refuse(self, pair, generator):
        raise DataError("It is no panorama.")

    monkeypatch.setattr(MeanColour, "prepare_pair", refuse)
    message = str(run("--output", "o").exception)
    assert "/Aa/panorama/" in message
    assert message.endswith("or its tile, cannot be used: It is no panorama.")


def test_a_folder_that_cannot_hold_the_request_is_not_left_behind(run, tmp_path, monkeypatch):
    def full(self, *given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    done = run("--output", "o")
    assert "No space left on device" in str(done.exception)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--device", "cuda:99"],
        ["--device", "meta"],
        ["--eval-only"],
        ["--checkpoint", "nowhere.safetensors"],
        ["--checkpoint", "."],
    ],
)
def test_a_run_refused_before_it_begins_leaves_no_folder(run, tmp_path, wrong):
    done = run("--output", "o", *wrong)
    assert isinstance(done.exception, CvglError)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"\x8b\xff", "cannot be read ('utf-8' codec"),
        (b"request: [1\n", "cannot be read (line 2, column 1: expected"),
        (b"", "is not what `run` writes"),
        (b"request: 1\n", "is not what `run` writes"),
    ],
)
def test_a_damaged_request_is_refused_in_one_line(run, tmp_path, text, fault):
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "options.yaml").write_bytes(text)
    refused = CliRunner().invoke(cli, ["run", "--resume", "cut"]).exception
    assert isinstance(refused, CvglError) and refused.exit_code == 2
    assert f"cut does not say what was run: its options.yaml {fault}" in str(refused)
    assert "\n" not in str(refused)


def test_leaderboards_that_cannot_be_made_leave_the_result(run, tmp_path):
    (tmp_path / "file").touch()
    done = run("--epochs", "1", "--output", "o", "--leaderboard", "file/boards")
    assert isinstance(done.exception, CvglError) and "`cvgl-bench leaderboard add`" in str(done.exception)
    assert (tmp_path / "o" / "result.json").exists()


def test_expected_errors_are_one_line_and_an_exit_code(noise_world):
    card, _ = noise_world
    line = [
        sys.executable,
        "-m",
        "cvgl_bench",
        "run",
        "--method",
        "nobody",
        "--dataset",
        str(card),
        "--split",
        "same",
    ]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: There is no method 'nobody'")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("function", "answer", "words"),
    [
        ("build", lambda *_: None, r"build\(\) gives None"),
        ("prepare", lambda *_: None, r"prepare\(\) gives None"),
        (
            "embed",
            lambda self, network, images, view: network(images).repeat(2, 1),
            r"embed\(\) gives a tensor",
        ),
        ("prepare_pair", lambda *_: None, r"prepare_pair\(\) gives None"),
        ("represent", lambda *_: {}, r"represent\(\) gives a dict"),
        ("criterion", lambda *_: {}, r"criterion\(\) gives a dict"),
        (
            "prepare",
            lambda self, image, view: torch.zeros(int(image[0, 0, 0]) + 1),
            "cannot be stacked to a batch .*stack expects each tensor to be equal size",
        ),
    ],
)
def test_a_method_that_breaks_its_contract_is_named_and_not_scored(run, monkeypatch, function, answer, words):
    if function == "prepare":
        prepared = {"query": torch.zeros(3), "reference": torch.zeros(3)}
        monkeypatch.setattr(MeanColour, "prepare_pair", lambda self, pair, generator: prepared)
    monkeypatch.setattr(MeanColour, function, answer)
    done = run("--epochs", "1", "--output", "o", "--no-leaderboard")
    assert isinstance(done.exception, PluginError) and re.search(words, str(done.exception)), done.output
    assert not Path("o", "result.json").exists()
