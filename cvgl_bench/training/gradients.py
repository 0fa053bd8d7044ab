"""From a batch to gradients: representations in chunks of it, one criterion on all of its pairs.

A batch may also be spread over processes: each represents its own pairs, the rows are gathered, and every
process computes the criterion of the whole batch and sends back what it wants of its own pairs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvgl_bench.method import Context, TrainableMethod
from cvgl_bench.networks.answers import loss_terms, representations
from cvgl_bench.networks.losses import total
from cvgl_bench.training.draws import WholeBatchDraws
from cvgl_bench.training.shard import Shard

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

    def restore_generators(self) -> None:
        """Bring back the random generators."""
        _set_generators(self.device, self.generators)

    def restore(self) -> None:
        """Bring back what was kept."""
        self.restore_generators()
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
    shard: Shard | None = None,
) -> tuple[Tensors, Tensors]:
    """Add the gradient of a batch's loss to the parameters; return the loss terms and what they are made of.

    The second is what the criterion was given, of the whole batch, without gradients.

    chunk: pairs that are represented at a time; where the batch has more, they are represented once
    without gradient, and again with it once the criterion has said what it wants of them, with the random
    numbers of the first time (Gao et al., RepL4NLP 2021, cached gradients). Memory then grows with the chunk
    and the batch's representations, not with the batch's activations.
    scale: what the loss is multiplied by before it goes backward. shard: the part of a larger batch that
    `batch` is; all processes then end with the gradient of the whole. Raises PluginError where the method
    does not keep the contract.
    """
    count, shard = _row_count(batch), shard or Shard()
    if chunk >= count and shard.group.count == 1:
        with autocast():
            outputs = _represented(method, network, batch)
            terms = loss_terms(method, method.criterion(network, outputs, context))
        scale(total(terms)).backward()
        return terms, _detached(outputs)
    passes = _Passes(method, network, batch, chunk=chunk, autocast=autocast, shard=shard)
    with shard.group.shared_fate(torch.cuda.OutOfMemoryError):
        own = passes.first()
    outputs = {name: tensor.detach() for name, tensor in own.items()}
    outputs = shard.gather(outputs, count)
    for tensor in outputs.values():
        tensor.requires_grad_(tensor.is_floating_point())
    with shard.group.shared_fate(torch.cuda.OutOfMemoryError):
        with autocast():
            terms = loss_terms(method, method.criterion(network, outputs, context))
        # The criterion's own parameters get its gradient in one process: the sum must hold it once.
        leaves = None if shard.group.first else [rows for rows in outputs.values() if rows.requires_grad]
        scale(total(terms)).backward(inputs=leaves)
        place = shard.place(count)
        passes.second(
            {name: rows.grad[place] for name, rows in outputs.items() if rows.grad is not None}, own
        )
    shard.add_up(network.parameters())
    shard.average_statistics(network)
    return terms, _detached(outputs)


def normalises(network: nn.Module) -> bool:
    """Return whether a network has layers that normalise over a batch, and so see a chunk for it."""
    return any(isinstance(part, _BatchNorm) for part in network.modules())


class _Passes:
    """The pairs of a process through the network, before the criterion is known and after.

    Where they fit in one chunk the first pass keeps its graph, and the second is only backward.
    """

    def __init__(
        self,
        method: TrainableMethod,
        network: nn.Module,
        batch: Tensors,
        *,
        chunk: int,
        autocast: Callable[[], AbstractContextManager[Any]],
        shard: Shard,
    ) -> None:
        self._method, self._network, self._batch = method, network, batch
        self._autocast, self._shard = autocast, shard
        self._device = next(network.parameters()).device
        self._chunks = list(_chunks(_row_count(batch), chunk))
        self._before = Before.of(network, self._device)

    def first(self) -> Tensors:
        """Return the rows of all pairs, with their graph where it is the only pass."""
        with torch.set_grad_enabled(len(self._chunks) == 1):
            parts = [self._represent(chunk) for chunk in self._chunks[:1]]
            if not self._shard.draws and self._drawn():
                self._shard.draws = True
                self._before.restore()
                parts = [self._represent(chunk) for chunk in self._chunks[:1]]
            parts += [self._represent(chunk) for chunk in self._chunks[1:]]
        if len(parts) == 1:
            return parts[0]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def second(self, wanted: Tensors, rows: Tensors) -> None:
        """Send gradients backward: `wanted` of the rows, of which `rows` has the graph if it was kept."""
        if len(self._chunks) == 1:
            with self._as_of_the_batch(self._chunks[0]):
                _send_back(rows, wanted)
            return
        after = _generators(self._device)
        self._before.restore()
        for chunk in self._chunks:
            again = self._represent(chunk)
            # Activations that are recomputed now draw again, too.
            with self._as_of_the_batch(chunk):
                _send_back(again, {name: gradient[chunk] for name, gradient in wanted.items()})
        _set_generators(self._device, after)

    def _represent(self, chunk: slice) -> Tensors:
        part = {name: tensor[chunk] for name, tensor in self._batch.items()}
        self._before.restore_generators()
        with self._as_of_the_batch(chunk), self._autocast():
            return _represented(self._method, self._network, part)

    def _as_of_the_batch(self, chunk: slice) -> AbstractContextManager[Any]:
        """Let random layers draw what they would draw in one pass over the whole batch."""
        if not self._shard.draws:
            return nullcontext()
        count = _row_count(self._batch)
        start = self._shard.place(count).start
        place = slice(start + chunk.start, start + chunk.stop)
        return WholeBatchDraws(place, self._shard.total or count)

    def _drawn(self) -> bool:
        pairs = zip(_generators(self._device)[:2], self._before.generators[:2], strict=True)
        return any(now is not None and not torch.equal(now, then) for now, then in pairs)


def _chunks(count: int, chunk: int) -> Iterator[slice]:
    for start in range(0, count, chunk):
        yield slice(start, min(start + chunk, count))


def _send_back(rows: Tensors, wanted: Tensors) -> None:
    reached = [name for name in wanted if rows[name].requires_grad]
    torch.autograd.backward([rows[name] for name in reached], [wanted[name] for name in reached])


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
