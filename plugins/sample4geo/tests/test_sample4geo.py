from __future__ import annotations

import dataclasses
import math
from importlib.resources import files

import numpy as np
import pytest
import timm
import torch
import yaml
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.foundation.errors import CheckpointError, OptionError
from cvgl_bench.method import Pair
from cvgl_bench.networks.checkpoints import load_weights
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_method, loss_terms
from cvgl_bench.views.images import Geometry

TINY = Sample4GeoOptions(backbone="test_convnext", weights="none", tile_size=(32, 32), panorama_size=(32, 64))
PLAIN = dataclasses.replace(
    TINY,
    flip_probability=0.0,
    turn_probability=0.0,
    jpeg_probability=0.0,
    colour_probability=0.0,
    blur_probability=0.0,
    dropout_probability=0.0,
)


def noise(height: int, width: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    colour = generator.integers(30, 226, 3)
    return np.clip(generator.normal(colour, 10, (height, width, 3)), 0, 255).astype(np.uint8)


def pair(seed: int) -> Pair:
    return Pair(noise(32, 64, seed), noise(32, 32, seed), (10.0, 20.0))


def batch(method: Sample4Geo, count: int = 4) -> dict[str, torch.Tensor]:
    examples = [method.prepare_pair(pair(row), np.random.default_rng(row)) for row in range(count)]
    return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}


@pytest.fixture
def method() -> Sample4Geo:
    torch.manual_seed(0)
    return Sample4Geo(TINY)


def test_keeps_the_contract() -> None:
    check_method(Sample4Geo, TINY)


def test_is_found_through_its_entry_point() -> None:
    entry = load_plugins().methods.entry("sample4geo")
    assert entry.thing is Sample4Geo
    assert entry.origin.distribution == "cvgl-sample4geo"


def test_one_step_lowers_the_loss_of_its_batch(method) -> None:
    network, examples = method.build(), batch(method)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    before = loss_terms(method, network, examples)["info_nce"]
    before.backward()
    optimizer.step()
    after = loss_terms(method, network, examples)["info_nce"]
    assert math.isfinite(before.item())
    assert after.item() < before.item()


def test_the_loss_is_info_nce_of_both_views_features_at_the_networks_scale(method) -> None:
    network, examples = method.build().eval(), batch(method)
    assert network.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    query, reference = network.model(examples["query"]), network.model(examples["reference"])
    expected = symmetric_info_nce(query, reference, network.logit_scale, label_smoothing=0.1)
    assert loss_terms(method, network, examples)["info_nce"].item() == pytest.approx(expected.item())


def test_a_pair_is_flipped_and_turned_together() -> None:
    turning = Sample4Geo(dataclasses.replace(PLAIN, flip_probability=0.5, turn_probability=0.75))
    plain = Sample4Geo(PLAIN)
    seen = set()
    for seed in range(40):
        geometry = Geometry.draw(np.random.default_rng(seed), flip_probability=0.5, turn_probability=0.75)
        tensors = turning.prepare_pair(pair(0), np.random.default_rng(seed))
        example = pair(0)
        turned = Pair(geometry.on_panorama(example.query), geometry.on_overhead(example.reference), (0, 0))
        expected = plain.prepare_pair(turned, np.random.default_rng(0))
        assert all(tensors[name].equal(expected[name]) for name in ("query", "reference"))
        seen.add(geometry)
    assert len(seen) == 8


def test_without_augmentation_training_sees_what_evaluation_sees() -> None:
    method, example = Sample4Geo(PLAIN), Pair(noise(50, 100, 1), noise(40, 40, 2), (1.0, 2.0))
    tensors = method.prepare_pair(example, np.random.default_rng(0))
    assert tensors["query"].equal(method.prepare(example.query, "query"))
    assert tensors["reference"].equal(method.prepare(example.reference, "reference"))


def test_further_draws_come_after_the_pairs() -> None:
    """A subclass with more views must leave the pair's own tensors as they are, to the bit."""

    class WithAnother(Sample4Geo):
        def prepare_pair(self, pair, generator):
            geometry = self.draw_geometry(generator)
            tensors = self.prepare_views(pair, geometry, generator)
            extra = self.augmented(pair.reference, "reference", generator)
            return tensors | {"extra": self.normalised(geometry.on_overhead(extra))}

    for seed in range(10):
        tensors, more = (
            cls(TINY).prepare_pair(pair(seed), np.random.default_rng(seed))
            for cls in (Sample4Geo, WithAnother)
        )
        assert all(tensors[name].equal(more[name]) for name in tensors)


def test_every_strength_can_be_turned_off() -> None:
    tensors = [Sample4Geo(PLAIN).prepare_pair(pair(0), np.random.default_rng(seed)) for seed in range(8)]
    assert all(tensors[0][name].equal(other[name]) for other in tensors for name in other)


class TestPublishedWeights:
    """The published files hold `model.<timm's names>` and `logit_scale`."""

    BACKBONE = "convnext_atto"

    def published(self, path, backbone: str):
        torch.manual_seed(3)
        model = timm.create_model(backbone, num_classes=0).eval()
        state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        torch.save({**state, "logit_scale": torch.tensor(3.2)}, path)
        return model

    def test_load_strictly_and_give_timms_own_features(self, tmp_path) -> None:
        model = self.published(tmp_path / "weights.pth", self.BACKBONE)
        method = Sample4Geo(dataclasses.replace(TINY, backbone=self.BACKBONE))
        network = method.build().eval()
        load_weights(tmp_path / "weights.pth", method, network)
        assert network.logit_scale.item() == pytest.approx(3.2)
        with torch.inference_mode():
            for view, image in (("query", noise(32, 64, 0)), ("reference", noise(32, 32, 1))):
                tensor = method.prepare(image, view)[None]
                torch.testing.assert_close(
                    method.embed(network, tensor, view), model(tensor), atol=1e-5, rtol=0
                )

    def test_of_another_backbone_are_refused_with_the_keys_that_differ(self, tmp_path) -> None:
        self.published(tmp_path / "weights.pth", "test_resnet")
        method = Sample4Geo(TINY)
        network = method.build()
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        with pytest.raises(CheckpointError, match=r"missing: model\..*left over: model\."):
            load_weights(tmp_path / "weights.pth", method, network)
        assert all(tensor.equal(before[name]) for name, tensor in network.state_dict().items())


def test_tiles_must_be_square() -> None:
    with pytest.raises(OptionError, match="tile_size is 32 x 64, but tiles must be square"):
        dataclasses.replace(TINY, tile_size=(32, 64))


@pytest.mark.parametrize("name", ["vigor", "dress", "cvusa", "cvact"])
def test_recipes_hold_the_published_settings(name: str) -> None:
    recipe = yaml.safe_load((files("cvgl_sample4geo") / "recipes" / f"{name}.yaml").read_text())
    training, method = (
        recipe["training"],
        Sample4GeoOptions(
            **{key: tuple(v) if isinstance(v, list) else v for key, v in recipe["method"].items()}
        ),
    )
    assert (training["epochs"], training["batch_size"], training["learning_rate"]) == (40, 128, 1e-3)
    assert (training["neighbour_select"], training["neighbour_pool"], training["mine_every"]) == (64, 128, 4)
    assert (training["clip_value"], training["warmup_epochs"]) == (100, 1)
    assert training["seed"] == (42 if name == "cvusa" else 1)
    assert method.backbone == "convnext_base.fb_in22k_ft_in1k_384" and method.weights == "timm"
    assert (method.tile_size, method.label_smoothing) == ((384, 384), 0.1)
    assert method.panorama_size == ((384, 768) if name in ("vigor", "dress") else (140, 768))
