"""State dicts in the layouts of both published code bases, made here with weights that all matter."""

import pytest
import torch
from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.foundation.errors import CheckpointError
from cvgl_bench.networks.checkpoints import load_weights

SMALL = {"backbone": "convnext_atto", "weights": "none", "tile_size": (64, 64), "panorama_size": (64, 128)}


def published_state(network):
    """What AuxGeo's published code saves."""
    state = {f"model.convnext.{name}": tensor for name, tensor in network.state_dict().items()}
    return state | {f"logit_scale{n}": torch.tensor(2.6593 + i) for i, n in enumerate(("", "2", "3"))}


@pytest.fixture
def published(independent):
    return published_state(independent("convnext_atto"))


def loaded(state, path, **options):
    torch.save(state, path)
    method = AuxGeo(AuxGeoOptions(**SMALL | options))
    network = method.build().eval()
    load_weights(path, method, network)
    return method, network


@pytest.mark.parametrize("backbone", ["convnext_atto", "convnext_tiny"])
def test_published_auxgeo_gives_the_features_of_an_independent_network(independent, tmp_path, backbone):
    other = independent(backbone)
    method, network = loaded(published_state(other), tmp_path / "w.pth", backbone=backbone)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features, parts = other(images)
        assert torch.allclose(method.embed(network, images, "query"), features, atol=1e-5)
        ours = network.model.forward_features(images)
        assert float((ours - parts).abs().max()) <= 1e-5 * float(parts.abs().max())
    assert float(features.std()) > 0.1, "the features must depend on every layer to prove anything"
    assert float(network.logit_scale2.detach()) == pytest.approx(3.6593)


@pytest.mark.parametrize("name", ["stages.0.0.pwconv1.weight", "stages.2.5.gamma", "stages.3.1.dwconv.bias"])
def test_every_layer_of_the_independent_network_decides(independent, name):
    """Layer scale near 1e-6 would hide a block loaded wrongly: changing any block changes the features."""
    network = independent("convnext_atto")
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = network(images)[0]
        changed = {name: network.get_parameter(name) * 1.2}
        after = torch.func.functional_call(network, changed, images)[0]
    assert float((after - before).abs().max()) > 1e-3


def test_published_sample4geo_is_loaded_by_sample4geo(tmp_path):
    """Its layout is timm's names behind `model.`, which is that of the plugin's own network."""
    method = Sample4Geo(Sample4GeoOptions(**SMALL))
    source = method.build()
    with torch.no_grad():
        for name, parameter in source.named_parameters():
            parameter.copy_(torch.rand_like(parameter) if name.endswith("gamma") else parameter)
    torch.save(source.state_dict(), tmp_path / "weights_e40_0.7786.pth")
    network = method.build()
    load_weights(tmp_path / "weights_e40_0.7786.pth", method, network)
    assert all(torch.equal(network.state_dict()[k], v) for k, v in source.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop("model.convnext.stages.1.1.gamma"),
            r"1 missing: model\.stages\.1\.blocks\.1\.gamma",
        ),
        (lambda s: s.update({"model.convnext.extra": torch.ones(3)}), r"1 left over: model\.extra"),
        (lambda s: s.pop("logit_scale3"), "1 missing: logit_scale3"),
        (lambda s: s.update({"other": torch.ones(1)}), "1 left over: other"),
        (
            lambda s: s.update({"model.convnext.norm.weight": torch.ones(5)}),
            r"model\.head\.norm\.weight \(5,\) instead of \(320,\)",
        ),
        (lambda s: s.update({"model.convnext.odd.weight": torch.ones(2, 2)}), "odd.weight"),
        (
            lambda s: s.update({"model.convnext.stages.0.0.pwconv1.weight": torch.ones(2, 2)}),
            "do not fit the backbone",
        ),
    ],
)
def test_one_tensor_missing_left_over_or_of_another_shape_is_refused(published, tmp_path, change, message):
    change(published)
    with pytest.raises(CheckpointError, match=message):
        loaded(published, tmp_path / "w.pth")


def test_weights_of_another_backbone_are_refused(published, tmp_path):
    torch.save(published, tmp_path / "w.pth")
    for backbone in ("test_convnext", "test_resnet"):
        method = AuxGeo(AuxGeoOptions(**SMALL | {"backbone": backbone}))
        with pytest.raises(CheckpointError):
            load_weights(tmp_path / "w.pth", method, method.build())


def test_checkpoints_of_another_method_are_refused(published, tmp_path):
    sample4geo = Sample4Geo(Sample4GeoOptions(**SMALL))
    torch.save(sample4geo.build().state_dict(), tmp_path / "sample4geo.pth")
    with pytest.raises(CheckpointError, match="2 missing: logit_scale2, logit_scale3"):
        loaded(sample4geo.build().state_dict(), tmp_path / "w.pth")
    torch.save(published, tmp_path / "auxgeo.pth")
    with pytest.raises(CheckpointError, match="does not fit method 'sample4geo'"):
        load_weights(tmp_path / "auxgeo.pth", sample4geo, sample4geo.build())


def test_sample4geo_weights_load_where_both_modules_are_off(tmp_path):
    state = Sample4Geo(Sample4GeoOptions(**SMALL)).build().state_dict()
    _, network = loaded(state, tmp_path / "w.pth", bim=False, pcm=False)
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in state.items())
