"""From a batch to gradients: representations in chunks of it, one criterion on all of its pairs."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvgl_bench.method import Context, TrainableMethod
from cvgl_bench.networks.answers import loss_terms, representations
from cvgl_bench.networks.losses import total

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Before:
    """What a forward pass may change beside gradients: random generators and the network's buffers."""

    network: nn.Module
    device: torch.device
    generators: tuple[Any, ...]
    buffers: tuple[Tensor, ...]

    @classmethod
    def of(cls, network: nn.Module, device: torch.device) -> Before:
        """Keep the present state of all of them."""
        buffers = tuple(buffer.clone() for buffer in network.buffers())
        return cls(network, device, _generators(device), buffers)

    def restore(self) -> None:
        """Bring back what was kept."""
        _set_generators(self.device, self.generators)
        with torch.no_grad():
            for buffer, kept in zip(self.network.buffers(), self.buffers, strict=True):
                buffer.copy_(kept)


def backward(
    method: TrainableMethod,
    network: nn.Module,
    batch: Tensors,
    *,
    context: Context,
    chunk: int,
    autocast: Callable[[], AbstractContextManager[Any]],
    scale: Callable[[Tensor], Tensor],
) -> tuple[Tensors, Tensors]:
    """Add the gradient of a batch's loss to the parameters; return the loss terms and what they are made of.

    The second is what the criterion was given, of the whole batch, without gradients.

    chunk: pairs that are represented at a time; where the batch has more, they are represented once
    without gradient, and again with it once the criterion has said what it wants of them, with the random
    numbers of the first time (Gao et al., RepL4NLP 2021, cached gradients). Memory then grows with the chunk
    and the batch's representations, not with the batch's activations.
    scale: what the loss is multiplied by before it goes backward. Raises PluginError where the method does
    not keep the contract.
    """
    count = _row_count(batch)
    if chunk >= count:
        with autocast():
            outputs = _represented(method, network, batch)
            terms = loss_terms(method, method.criterion(network, outputs, context))
        scale(total(terms)).backward()
        return terms, _detached(outputs)
    return _backward_in_chunks(
        method, network, batch, context=context, chunk=chunk, autocast=autocast, scale=scale
    )


def normalises(network: nn.Module) -> bool:
    """Return whether a network has layers that normalise over a batch, and so see a chunk for it."""
    return any(isinstance(part, _BatchNorm) for part in network.modules())


def _backward_in_chunks(
    method: TrainableMethod,
    network: nn.Module,
    batch: Tensors,
    *,
    context: Context,
    chunk: int,
    autocast: Callable[[], AbstractContextManager[Any]],
    scale: Callable[[Tensor], Tensor],
) -> tuple[Tensors, Tensors]:
    device = next(network.parameters()).device
    chunks = [
        {name: tensor[first : first + chunk] for name, tensor in batch.items()}
        for first in range(0, _row_count(batch), chunk)
    ]
    before = Before.of(network, device)
    with torch.no_grad(), autocast():
        rows = [_represented(method, network, part) for part in chunks]
    outputs = {name: torch.cat([part[name] for part in rows]) for name in rows[0]}
    for tensor in outputs.values():
        tensor.requires_grad_(tensor.is_floating_point())
    with autocast():
        terms = loss_terms(method, method.criterion(network, outputs, context))
    scale(total(terms)).backward()
    after = _generators(device)
    before.restore()
    wanted = {name: tensor.grad for name, tensor in outputs.items() if tensor.grad is not None}
    for number, part in enumerate(chunks):
        with autocast():
            again = _represented(method, network, part)
        place = slice(number * chunk, number * chunk + _row_count(part))
        reached = [name for name in wanted if again[name].requires_grad]
        torch.autograd.backward([again[name] for name in reached], [wanted[name][place] for name in reached])
    _set_generators(device, after)
    return terms, _detached(outputs)


def _detached(tensors: Tensors) -> Tensors:
    return {name: tensor.detach() for name, tensor in tensors.items()}


def _row_count(batch: Tensors) -> int:
    return len(next(iter(batch.values())))


def _represented(method: TrainableMethod, network: nn.Module, batch: Tensors) -> Tensors:
    return representations(method, method.represent(network, batch), count=_row_count(batch))


def _generators(device: torch.device) -> tuple[Any, ...]:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), cuda, random.getstate(), np.random.get_state()


def _set_generators(device: torch.device, states: tuple[Any, ...]) -> None:
    on_cpu, cuda, of_python, of_numpy = states
    torch.set_rng_state(on_cpu)
    if cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
    random.setstate(of_python)
    np.random.set_state(of_numpy)
