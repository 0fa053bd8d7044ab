"""AuxGeo as a method: the contract, the marked image, its terms, and Sample4Geo where modules are off."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.foundation.errors import DataError, OptionError
from cvgl_bench.method import Context, Locates, Pair
from cvgl_bench.testing import check_method, loss_terms
from cvgl_bench.training.gradients import backward
from cvgl_bench.views.images import Geometry

SMALL = {"backbone": "test_convnext", "weights": "none", "tile_size": (64, 64), "panorama_size": (48, 96)}
PLAIN = {f"{name}_probability": 0.0 for name in ("flip", "turn", "jpeg", "colour", "blur", "dropout")}
EVERY_GEOMETRY = [Geometry(flip, turns) for flip in (False, True) for turns in range(4)]


def noise(height, width, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pairs(count=4):
    return [Pair(noise(64, 128, row), noise(80, 80, 100 + row), (10.0 + row, 55.5)) for row in range(count)]


def batch_of(method, count=4):
    examples = [
        method.prepare_pair(pair, np.random.default_rng(row)) for row, pair in enumerate(pairs(count))
    ]
    return {name: torch.stack([example[name] for example in examples]) for name in examples[0]}


@pytest.mark.parametrize("bim", [True, False])
@pytest.mark.parametrize("pcm", [True, False])
def test_contract(bim, pcm):
    check_method(AuxGeo, AuxGeoOptions(**SMALL, bim=bim, pcm=pcm))


def test_a_pair_without_a_position_is_refused_where_positions_are_learnt():
    pair = replace(pairs(1)[0], position_px=(np.nan, np.nan))
    with pytest.raises(DataError, match="does not say where .* Set method.pcm=false"):
        AuxGeo(AuxGeoOptions(**SMALL)).prepare_pair(pair, np.random.default_rng(0))
    AuxGeo(AuxGeoOptions(**SMALL, pcm=False)).prepare_pair(pair, np.random.default_rng(0))


def trained(method, steps=3):
    """Losses and weights after a few steps of the optimiser that the harness uses."""
    torch.manual_seed(5)
    network = method.build().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        terms = loss_terms(method, network, batch_of(method))
        sum(terms.values()).backward()
        torch.nn.utils.clip_grad_value_(network.parameters(), 100)
        optimizer.step()
        losses.append({name: float(term.detach()) for name, term in terms.items()})
    return losses, network.state_dict()


def test_without_both_modules_training_is_sample4geo_to_the_bit():
    ours, our_weights = trained(AuxGeo(AuxGeoOptions(**SMALL, bim=False, pcm=False)))
    theirs, their_weights = trained(Sample4Geo(Sample4GeoOptions(**SMALL)))
    assert ours == theirs
    assert our_weights.keys() == their_weights.keys()
    assert all(torch.equal(our_weights[name], their_weights[name]) for name in their_weights)


def test_modules_do_not_disturb_the_draws_for_panorama_and_tile():
    ours = batch_of(AuxGeo(AuxGeoOptions(**SMALL)))
    theirs = batch_of(Sample4Geo(Sample4GeoOptions(**SMALL)))
    assert ours.keys() - theirs.keys() == {"birdseye", "position"}
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_first_network_is_that_of_sample4geo():
    """Ablations start from the same weights, so that their differences are those of the modules."""
    networks = []
    for method in (AuxGeo(AuxGeoOptions(**SMALL)), Sample4Geo(Sample4GeoOptions(**SMALL))):
        torch.manual_seed(5)
        networks.append(method.build().state_dict())
    ours, theirs = networks
    assert ours.keys() - theirs.keys() == {"logit_scale2", "logit_scale3"}
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_terms_by_module_and_their_weights():
    batch = batch_of(AuxGeo(AuxGeoOptions(**SMALL)))

    def terms(**options):
        method = AuxGeo(AuxGeoOptions(**SMALL, **options))
        torch.manual_seed(5)
        with torch.no_grad():
            return {
                name: float(term) for name, term in loss_terms(method, method.build().eval(), batch).items()
            }

    whole = terms()
    assert list(whole) == ["info_nce", "info_nce_bev_query", "info_nce_bev_reference", "position"]
    assert list(terms(bim=False)) == ["info_nce", "position"]
    assert list(terms(pcm=False)) == ["info_nce", "info_nce_bev_query", "info_nce_bev_reference"]
    double = terms(bev_query_weight=0.2, bev_reference_weight=0.3, position_weight=0.5)
    factors = [1, 2, 3, 10]
    assert list(double.values()) == pytest.approx(np.multiply(list(whole.values()), factors), rel=1e-5)
    assert terms(position_target="published")["position"] != whole["position"]


def test_position_term_counts_panorama_and_birds_eye_view():
    method = AuxGeo(AuxGeoOptions(**SMALL))
    batch = batch_of(method)
    torch.manual_seed(5)
    network = method.build().eval()
    alone = AuxGeo(AuxGeoOptions(**SMALL, bim=False))
    views = batch["query"], batch["birdseye"]
    with torch.no_grad():
        both = loss_terms(method, network, batch)["position"]
        halves = [loss_terms(alone, network, batch | {"query": view})["position"] for view in views]
    assert float(both) == pytest.approx(float(sum(halves)), rel=1e-5)


def marked_pair(x, y, *, tile_px=128, height=256):
    """A dark tile with a bright spot at (x, y), and a panorama that sees a beacon to its north-east."""
    row, column = np.mgrid[:tile_px, :tile_px] + 0.5
    spot = 255 * np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * 3.0**2))
    tile = np.repeat(np.round(spot)[..., None], 3, axis=2).astype(np.uint8)
    azimuth = (np.arange(2 * height) + 0.5) / (2 * height) * 360 - 180
    beacon = 255 * np.exp(-(((azimuth - 60) / 8) ** 2) / 2)
    panorama = np.broadcast_to(np.round(beacon)[None, :, None], (height, 2 * height, 3)).astype(np.uint8)
    return Pair(panorama, tile, (x, y))


def centre_of_light(image):
    """Return (x, y) of the brightness' centre in pixels from the top-left corner."""
    grey = (image.mean(0) - image.mean(0).min()).double()
    grey = torch.where(grey > 0.05 * grey.max(), grey, torch.zeros_like(grey))
    rows, columns = (torch.arange(size, dtype=torch.float64) + 0.5 for size in grey.shape)
    return float((grey.sum(0) * columns).sum() / grey.sum()), float((grey.sum(1) * rows).sum() / grey.sum())


@pytest.mark.parametrize("geometry", EVERY_GEOMETRY, ids=str)
@pytest.mark.parametrize("mark", [(40.25, 90.75), (64.0, 64.0), (100.0, 22.5)])
def test_mark_and_position_label_agree_after_every_flip_and_turn(geometry, mark):
    method = AuxGeo(AuxGeoOptions(**SMALL | {"tile_size": (128, 128)}, **PLAIN))
    views = method.prepare_views(marked_pair(*mark), geometry, np.random.default_rng(0))
    label = views["position"].numpy() * 128
    assert centre_of_light(views["reference"]) == pytest.approx(label, abs=0.25)


@pytest.mark.parametrize("geometry", EVERY_GEOMETRY, ids=str)
def test_birds_eye_view_of_the_turned_panorama_is_the_turned_view(geometry):
    method = AuxGeo(AuxGeoOptions(**SMALL, **PLAIN))
    pair = Pair(noise(64, 128, 0), noise(80, 80, 1), (1.0, 2.0))
    ours = method.prepare_views(pair, geometry, np.random.default_rng(0))["birdseye"]
    turned = method.normalised(method.birdseye(np.ascontiguousarray(geometry.on_panorama(pair.query))))
    one_grey_level = 1 / 255 / 0.22
    assert torch.allclose(ours, turned, atol=1.01 * one_grey_level)


@pytest.mark.parametrize("geometry", EVERY_GEOMETRY, ids=str)
def test_panorama_and_birds_eye_view_turn_together(geometry):
    """The beacon stands where the turned panorama says, seen from the middle of the turned view."""
    method = AuxGeo(AuxGeoOptions(**SMALL | {"panorama_size": (64, 128)}, **PLAIN))
    views = method.prepare_views(marked_pair(64, 64), geometry, np.random.default_rng(0))
    column = float(views["query"].mean((0, 1)).argmax() + 0.5)
    azimuth_deg = column / 128 * 360 - 180
    x, y = np.subtract(centre_of_light(views["birdseye"]), 32)
    assert np.degrees(np.arctan2(x, -y)) == pytest.approx(azimuth_deg, abs=3)


def test_stored_tile_of_another_size_gives_the_same_position():
    method = AuxGeo(AuxGeoOptions(**SMALL, **PLAIN))
    for side in (80, 160):
        pair = Pair(noise(64, 128, 0), noise(side, side, 1), (0.25 * side, 0.75 * side))
        views = method.prepare_views(pair, Geometry(), np.random.default_rng(0))
        assert views["position"].dtype == torch.float32
        assert views["position"].tolist() == [0.25, 0.75]


def test_locate_answers_in_fractions_of_the_tile():
    method = AuxGeo(AuxGeoOptions(**SMALL))
    torch.manual_seed(5)
    network = method.build().eval()
    queries = torch.stack([method.prepare(pair.query, "query") for pair in pairs()])
    references = torch.stack([method.prepare(pair.reference, "reference") for pair in pairs()])
    with torch.inference_mode():
        answers = method.locate(network, queries, references)
    assert isinstance(method, Locates) and method.can_locate
    assert answers.shape == (4, 2) and ((answers > 0) & (answers < 1)).all()
    assert not AuxGeo(AuxGeoOptions(**SMALL, pcm=False)).can_locate


def test_embedding_takes_panorama_and_tile_alone():
    """The network that ranks has Sample4Geo's cost: the same modules called as often."""
    calls = []
    method = AuxGeo(AuxGeoOptions(**SMALL))
    network = method.build().eval()
    network.model.register_forward_hook(lambda *_: calls.append("backbone"))
    image = method.prepare(noise(64, 128, 0), "query")[None]
    assert torch.equal(method.embed(network, image, "query"), network.model(image))
    assert calls == ["backbone"] * 2


@pytest.mark.parametrize("backbone", ["test_vit", "test_mambaout", "mobilenetv3_small_050"])
def test_backbone_without_a_map_of_parts_is_refused_by_name(backbone):
    options = SMALL | {"backbone": backbone}
    with pytest.raises(OptionError, match=f"'{backbone}'.*Choose a ConvNeXt, ResNet.*pcm=false"):
        AuxGeo(AuxGeoOptions(**options)).build()
    AuxGeo(AuxGeoOptions(**options, pcm=False)).build()


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext"])
@pytest.mark.parametrize("side", [64, 96, 224])
def test_any_map_of_parts_trains(backbone, side):
    """224 px give 7 x 7 cells, which no pooling divides."""
    method = AuxGeo(AuxGeoOptions(**SMALL | {"backbone": backbone, "tile_size": (side, side)}))
    terms = loss_terms(method, method.build(), batch_of(method, count=2))
    assert all(torch.isfinite(term) for term in terms.values()) and float(terms["position"].detach()) > 0


@pytest.mark.parametrize(
    ("published", "changed"),
    [
        ({"bev_levels": "truncated"}, {"birdseye"}),
        ({"bev_centre": "published"}, {"birdseye"}),
        ({"position_labels": "published"}, {"position"}),
        ({"position_shift_px": -1.0}, {"position"}),
    ],
)
def test_each_published_behaviour_changes_its_own_tensor_and_no_other(published, changed):
    pair, turn = Pair(noise(64, 128, 0), noise(80, 80, 1), (10.3, 55.5)), Geometry(quarter_turns=1)
    usual, other = (
        AuxGeo(AuxGeoOptions(**SMALL, **PLAIN, **options)).prepare_views(pair, turn, np.random.default_rng(0))
        for options in ({}, published)
    )
    assert {name for name in usual if not torch.equal(usual[name], other[name])} == changed
    if published == {"position_shift_px": -1.0}:
        # A turn takes a place up and left of the true one to one that is lower and left.
        assert (other["position"] - usual["position"]).numpy() * 64 == pytest.approx([-1, 1], abs=1e-4)


def test_published_sharpening_darkens_what_is_prepared():
    sharpening = SMALL | PLAIN | {"blur_probability": 1.0}
    # Of low contrast, so that nothing is clipped.
    pair = Pair(noise(64, 128, 0) // 8 + 112, noise(80, 80, 1) // 8 + 112, (1.0, 2.0))
    kept, darkened = (
        np.mean(
            [
                float(method.prepare_pair(pair, np.random.default_rng(seed))["query"].mean())
                for seed in range(40)
            ]
        )
        for method in (
            AuxGeo(AuxGeoOptions(**sharpening, bim=False, sharpen_darkens=darkens))
            for darkens in (False, True)
        )
    )
    assert darkened < kept - 0.05


@pytest.mark.parametrize(
    "make", [lambda: AuxGeo(AuxGeoOptions(**SMALL)), lambda: Sample4Geo(Sample4GeoOptions(**SMALL))]
)
def test_gradients_of_chunks_are_those_of_the_whole_batch(make):
    def gradients(chunk):
        method = make()
        torch.manual_seed(5)
        network = method.build().train()
        backward(
            method,
            network,
            batch_of(method),
            context=Context(step=0, steps=1, epoch=0, epochs=1),
            chunk=chunk,
            autocast=contextlib.nullcontext,
            scale=lambda loss: loss,
        )
        return {name: parameter.grad for name, parameter in network.named_parameters()}

    whole = gradients(4)
    for chunk in (1, 3):
        for name, gradient in gradients(chunk).items():
            assert float((gradient - whole[name]).abs().max()) <= 1e-5 * float(whole[name].abs().max()), name
