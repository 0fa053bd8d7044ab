"""A GPU's memory: what to do where it is too small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvgl_bench.foundation.errors import TrainingError, UsageError

RECOMPUTE_ADVICE = (
    "Set a smaller training.chunk or machine.recompute=true, which take longer and give the same, or a "
    "smaller training.batch_size, which does not"
)
SMALLER_ADVICE = "Give fewer images at a time: training.batch_size or evaluation.embed_batch_size"


@runtime_checkable
class Recomputes(Protocol):
    """What a backbone offers, as timm's do, that can recompute its activations."""

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep few activations for the backward pass, or all of them."""


def recompute_activations(network: nn.Module) -> None:
    """Let the backbones in `network` keep few activations for the backward pass and recompute the rest.

    Raises UsageError where no part of the network offers it, as timm's models do by
    `set_grad_checkpointing`, or where it would change the result: batch normalisation updates its
    running statistics in each forward pass.
    """
    parts = [part for part in network.modules() if isinstance(part, Recomputes)]
    why = "its backbone does not offer it" if not parts else None
    if any(isinstance(part, _BatchNorm) for part in network.modules()):
        why = "its batch normalisation would count every batch twice"
    if why is not None:
        raise UsageError(
            f"machine.recompute is true, but this network cannot recompute: {why}. Leave it out."
        )
    for part in parts:
        part.set_grad_checkpointing(True)


@contextmanager
def enough_memory(what: str, advice: str) -> Iterator[None]:
    """Turn the GPU's running out of memory into a TrainingError that says what to do."""
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        raise TrainingError(f"The GPU's memory does not hold {what}. {advice}.") from None
