"""Reads the weights that AuxGeo's published code saves into the network of this plugin."""

from __future__ import annotations

from collections.abc import Mapping

from timm.models.convnext import checkpoint_filter_fn
from torch import Tensor, nn

from cvgl_bench.foundation.errors import CheckpointError

BACKBONE = "model.convnext."
"""Prefix of the backbone's keys in a published state dict; what follows are Facebook ConvNeXt's names."""

UNUSED_HEAD = "head."
"""A classifier that the published code carries along untrained: the one thing that is left behind."""


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Return whether a state dict has the layout of AuxGeo's published code."""
    return any(key.startswith(BACKBONE) for key in state)


def from_published(state: Mapping[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """Return a published state dict under this plugin's keys, without its unused classifier.

    Whether everything is there, and nothing else, is for strict loading to check. Raises
    CheckpointError where a tensor's name does not occur in the backbone.
    """
    convnext = {
        key.removeprefix(BACKBONE): value
        for key, value in state.items()
        if key.startswith(BACKBONE) and not key.startswith(BACKBONE + UNUSED_HEAD)
    }
    try:
        renamed = checkpoint_filter_fn(convnext, backbone)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"These weights of AuxGeo's published code do not fit the backbone: {error}. Their backbone is "
            "a ConvNeXt; choose the one they were trained with, such as `backbone=convnext_base`."
        ) from None
    rest = {key: value for key, value in state.items() if not key.startswith(BACKBONE)}
    return rest | {f"model.{key}": value for key, value in renamed.items()}
