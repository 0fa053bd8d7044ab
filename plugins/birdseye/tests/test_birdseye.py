from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cvgl_birdseye.method import BirdsEye, BirdsEyeOptions

from cvgl_bench import Pair
from cvgl_bench.plugins import load_plugins
from cvgl_bench.running.options import resolve_run_options
from cvgl_bench.running.recipes import read_recipe
from cvgl_bench.testing import check_method, loss_terms
from cvgl_bench.views.birdseye import project

TINY = BirdsEyeOptions(backbone="test_resnet", weights="none", size=32)


def noise(height: int, width: int, seed: int) -> np.ndarray:
    """Return an image of broad patches, which survive being seen from above."""
    patches = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def pair(seed: int) -> Pair:
    return Pair(noise(64, 128, seed), noise(32, 32, seed + 100), (10.0, 20.0))


def test_keeps_the_contract() -> None:
    check_method(BirdsEye, TINY)


def test_is_found_through_its_entry_point() -> None:
    entry = load_plugins().methods.entry("birdseye")
    assert entry.thing is BirdsEye
    assert entry.origin.distribution == "cvgl-birdseye"


def test_a_query_is_its_panorama_from_above() -> None:
    method = BirdsEye(TINY)
    panorama = noise(64, 128, 3)
    seen = method.prepare(panorama, "query")
    mean, std = (np.array(values)[:, None, None] for values in method._pixel_statistics)
    levels = np.round((seen.numpy() * std + mean) * 255).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(levels, project(panorama, (32, 32), fov_deg=TINY.fov_deg))


def test_a_pair_is_mirrored_and_turned_together() -> None:
    """A panorama that is itself rolled and mirrored gives the view that the turned pair has."""
    method, plain = BirdsEye(TINY), pair(5)
    north_up = {view: method.prepare(getattr(plain, view), view) for view in ("query", "reference")}
    seen = set()
    for seed in range(40):
        tensors = method.prepare_pair(plain, np.random.default_rng(seed))
        (found,) = (
            (flip, turns)
            for flip in (False, True)
            for turns in range(4)
            if all(
                torch.equal(tensors[view], torch.rot90(image.flip(2) if flip else image, turns, (1, 2)))
                for view, image in north_up.items()
            )
        )
        seen.add(found)
    assert len(seen) == 8


def test_one_step_lowers_the_loss_of_its_batch() -> None:
    torch.manual_seed(0)
    method = BirdsEye(TINY)
    network = method.build()
    examples = [method.prepare_pair(pair(row), np.random.default_rng(row)) for row in range(4)]
    batch = {name: torch.stack([example[name] for example in examples]) for name in examples[0]}
    before = loss_terms(method, network, batch)["info_nce"]
    before.backward()
    torch.optim.AdamW(network.parameters(), lr=1e-4).step()
    assert loss_terms(method, network, batch)["info_nce"] < before


@pytest.mark.parametrize("recipe", sorted(BirdsEye.recipes.iterdir()), ids=lambda recipe: recipe.name)
def test_recipes_were_chosen_among_the_settings_that_the_readme_lists(recipe) -> None:
    training = read_recipe(recipe)["training"]
    readme = Path(__file__).parents[1] / "README.md"
    _, chosen = readme.read_text().split("## How the settings were chosen")
    settings = [line for line in chosen.splitlines() if line.startswith("| ") and "recall@1" not in line]
    assert (training["tuned_on"], training["tries"]) == ("validation", len(settings))


@pytest.mark.parametrize("recipe", sorted(BirdsEye.recipes.iterdir()), ids=lambda recipe: recipe.name)
def test_recipes_set_options_that_exist(recipe) -> None:
    options = resolve_run_options(BirdsEye, dataset=recipe.name.removesuffix(".yaml"), split="cross")
    assert options.method.weights == "none" and options.training.mine_every == 0
