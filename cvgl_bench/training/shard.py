"""This process's part of every batch, and what the processes tell each other of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cvgl_bench.foundation.group import ALONE, ProcessGroup

Tensors = dict[str, Tensor]


@dataclass
class Shard:
    """The part of every batch of `total` pairs that a process of a group computes; alone, all of it."""

    group: ProcessGroup = ALONE
    total: int = 0
    draws: bool = False
    """Whether the network was seen to draw random numbers, as dropout does."""
    not_finite: Tensor | None = None
    """How many pairs of each process (P,) were represented by numbers that are not finite, in the first step
    that had such pairs."""

    @property
    def most(self) -> int:
        """The most pairs of a batch that a process computes."""
        return self.group.shares(self.total)[0].stop

    def place(self, count: int) -> slice:
        """Return where in the batch this process's `count` pairs are."""
        return slice(0, count) if self.group.count == 1 else self.group.share(self.total)

    def gather(self, rows: Tensors, count: int) -> Tensors:
        """Return the rows of all processes, and remember in which of them some are not finite."""
        if self.group.count == 1:
            return rows
        gathered = self.group.gather(rows, self.total)
        bad = torch.zeros(self.total, dtype=torch.bool, device=next(iter(gathered.values())).device)
        for tensor in gathered.values():
            if tensor.is_floating_point():
                bad |= ~torch.isfinite(tensor.flatten(1) if tensor.ndim > 1 else tensor[:, None]).all(dim=1)
        sums = torch.stack([bad[part].sum() for part in self.group.shares(self.total)])
        before = torch.zeros_like(sums) if self.not_finite is None else self.not_finite
        self.not_finite = torch.where(before.any(), before, sums)
        return gathered

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace gradients by their sums over the processes; one that no process has stays away."""
        if self.group.count == 1:
            return
        parameters = list(parameters)
        held = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
        self.group.add_up([held])
        summed = [one for one, count in zip(parameters, held.tolist(), strict=True) if count]
        for parameter in summed:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.group.add_up([parameter.grad for parameter in summed if parameter.grad is not None])

    def average_statistics(self, network: nn.Module) -> None:
        """Give all processes the mean of the running statistics that layers of each took of its own pairs."""
        if self.group.count == 1:
            return
        running = [
            tensor
            for part in network.modules()
            if isinstance(part, _BatchNorm) and not isinstance(part, nn.SyncBatchNorm)
            for tensor in (part.running_mean, part.running_var)
            if tensor is not None
        ]
        self.group.add_up(running)
        for tensor in running:
            tensor /= self.group.count

    def blame(self) -> str:
        """Return a sentence that names the processes whose numbers were not finite, if not all were so."""
        if self.not_finite is None:
            return ""
        broken = [number for number, count in enumerate(self.not_finite.tolist()) if count]
        if not broken or len(broken) == self.group.count:
            return ""
        names = ", ".join(map(str, broken))
        return f" Only RANK {names} gave such numbers: look at its device and its data."
