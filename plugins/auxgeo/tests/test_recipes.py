"""AuxGeo's recipes for real data sets: what is published, and where they differ from Sample4Geo's."""

import dataclasses
from importlib.resources import files

import pytest
import timm
from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo

from cvgl_bench.foundation.options import Layer, resolve
from cvgl_bench.running.options import resolve_run_options
from cvgl_bench.running.recipes import read_recipe

REAL = ["vigor", "dress", "cvusa", "cvact"]


@pytest.mark.parametrize("name", REAL)
def test_differ_from_sample4geos_in_the_initial_weights_alone(name):
    ours, theirs = (
        read_recipe(files(plugin) / "recipes" / f"{name}.yaml")
        for plugin in ("cvgl_auxgeo", "cvgl_sample4geo")
    )
    assert ours["training"] == theirs["training"]
    differing = {
        key
        for key in ours["method"] | theirs["method"]
        if ours["method"].get(key) != theirs["method"].get(key)
    }
    assert differing == {"backbone"} | ({"bev_horizon_shift_px"} if name == "cvusa" else set())


@pytest.mark.parametrize("name", REAL)
def test_start_from_the_weights_that_the_published_code_loads(name):
    options = resolve_run_options(AuxGeo, dataset=name, split="same").method
    assert options.weights == "timm"
    assert timm.get_pretrained_cfg(options.backbone).url.endswith("/convnext_base_22k_1k_224.pth")
    theirs = resolve_run_options(Sample4Geo, dataset=name, split="same").method
    assert timm.get_pretrained_cfg(theirs.backbone).url.endswith("/convnext_base_22k_1k_384.pth")


PUBLISHED = {
    "training.neighbour_metric": "degrees-as-radians",
    "training.neighbour_owner": "reference",
    "training.keep_covers_apart": False,
    "method.sharpen_darkens": True,
    "method.bev_centre": "published",
    "method.bev_levels": "truncated",
    "method.position_labels": "published",
    "method.position_target": "published",
}


@pytest.mark.parametrize("name", [*REAL, "mini-dress", "mini-vigor"])
def test_published_sets_every_published_behaviour_and_leaves_the_rest(name):
    usual, published = (
        resolve_run_options(AuxGeo, dataset=name, split="same", published=switch) for switch in (False, True)
    )
    expected = PUBLISHED | ({"method.position_shift_px": -1.0} if name == "vigor" else {})
    file = "published-vigor.yaml" if name == "vigor" else "published.yaml"
    assert {option for option, origin in published.origins.items() if origin == file} == set(expected)
    for section, values in usual.values().items():
        changed = {n: expected.get(f"{section}.{n}", value) for n, value in values.items()}
        assert published.values()[section] == changed
        assert section in ("evaluation", "machine") or changed != values


def test_sample4geo_sets_what_of_it_is_its_own():
    theirs = read_recipe(files("cvgl_sample4geo") / "recipes" / "published.yaml")
    ours = read_recipe(files("cvgl_auxgeo") / "recipes" / "published.yaml")
    assert theirs["training"] == ours["training"]
    assert theirs["method"].items() <= ours["method"].items()
    published, _ = resolve(Sample4Geo.Options, [Layer("published.yaml", theirs["method"])])
    assert published.sharpen_darkens and not Sample4Geo.Options().sharpen_darkens


def test_defaults_are_those_of_the_recipe_for_vigor():
    recipe = resolve_run_options(AuxGeo, dataset="vigor", split="same").method
    assert dataclasses.asdict(recipe) == dataclasses.asdict(AuxGeoOptions())


@pytest.mark.parametrize("method", [AuxGeo, Sample4Geo])
@pytest.mark.parametrize("name", [*REAL, "mini-dress", "mini-vigor"])
def test_say_with_which_batch_the_rate_was_published_where_it_was(method, name):
    """The recipes of generated worlds are nobody's publication."""
    options = resolve_run_options(method, dataset=name, split="same").training
    assert options.published_batch_size == (128 if name in REAL else None)
    assert options.scale_rate == "none"
