"""Runs end to end: far over chance when trained, at chance when the truth is shuffled, and never stale."""

import json
import shutil

import numpy as np
import pytest

from cvgl_bench.foundation import cache
from cvgl_bench.ranking import read_outcome

TRAINED = ["--epochs", "4", "--set", "batch_size=32", "--set", "learning_rate=0.03", "--no-leaderboard"]
FROZEN = ["--set", "backbone=test_resnet.r160_in1k", "--set", "weights=none", "--no-leaderboard"]


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


def shuffle_labels(path):
    """Give each query of a label file the tile, covers and position of another."""
    names, labels = zip(*(line.split(" ", 1) for line in path.read_text().splitlines()), strict=True)
    order = np.random.default_rng(0).permutation(len(names))
    path.write_text("".join(f"{name} {labels[row]}\n" for name, row in zip(names, order, strict=True)))


def test_shuffled_truth_drops_a_trained_network_to_chance(run, wide_world, tmp_path):
    assert run(*TRAINED, "--output", "true", world=wide_world).exit_code == 0
    card, root = wide_world
    shutil.copytree(root, tmp_path / "world")
    shuffle_labels(tmp_path / "world/splits_new/Bb/pano_label_balanced.txt")
    weights = ("--eval-only", "--checkpoint", "true/weights.safetensors", "--no-leaderboard")
    done = run(*weights, "--output", "shuffled", world=(card, tmp_path / "world"))
    assert done.exit_code == 0, done.output
    true, shuffled = (result_of(tmp_path / name)["metrics"]["overall"] for name in ("true", "shuffled"))
    queries = true["recall@1"]["count"]
    references = read_outcome(tmp_path / "true" / "outcome.parquet").reference_count
    assert true["recall@1"]["value"] > 0.5
    for id, k in {"recall@1": 1, "recall@5": 5, "recall@10": 10, "recall@1%": 2}.items():
        chance = k / references
        deviation = np.sqrt(chance * (1 - chance) / queries)
        assert true[id]["low"] > 10 * chance, id
        assert shuffled[id]["value"] == pytest.approx(chance, abs=4 * deviation), id
    assert shuffled["recall@1"]["low"] <= 1 / references <= shuffled["recall@1"]["high"]


def test_a_changed_option_never_finds_the_embeddings_of_another(run, tmp_path):
    """Of a network without training only the options tell the embeddings apart: its weights are the same."""

    def reused(name, *options):
        sizes = ("--set", "panorama_size=[32, 64]", *options)
        assert run(*FROZEN, *sizes, "--output", name, method="frozen").exit_code == 0
        return result_of(tmp_path / name)["environment"].get("stored_embeddings", [])

    small, large = ("--set", "tile_size=[32, 32]"), ("--set", "tile_size=[48, 48]")
    assert reused("a", *small) == []
    assert reused("b", *small) == ["reference", "query"]
    assert reused("c", *large) == []
    assert reused("s", *small, "--set", "evaluation.decode=scaled") == [], "other pixels"
    assert reused("d", *large, "--seed", "2") == [], "other weights"
    first, other = (read_outcome(tmp_path / name / "outcome.parquet").ranking for name in "ac")
    assert not np.array_equal(first.top_scores, other.top_scores)


def test_the_store_knows_embeddings_by_all_that_shapes_them(run, tmp_path):
    assert run("--epochs", "1", "--output", "a").exit_code == 0
    task = result_of(tmp_path / "a")["task"]
    shared = ("dataset", "split", "label_edition", "fingerprint")
    further = ("method", "options", "weights", "code", "images", "variant", "precision", "versions")
    manifests = [
        json.loads(file.read_text()) for file in cache.cache_folder().glob("embeddings/*/manifest.json")
    ]
    assert len(manifests) == 2
    for manifest in manifests:
        assert {name: manifest["key"][name] for name in shared} == {name: task[name] for name in shared}
        assert set(further) <= set(manifest["key"])
