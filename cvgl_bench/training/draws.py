"""Random layers on a part of a batch draw what they would draw on the whole, and keep their rows of it.

So dropout and stochastic depth give the same whatever part of a batch goes through the network at a time,
in whatever process: each part starts from the generators' state before the batch, and leaves them as one pass
over the whole batch does. It costs the draws of the whole batch for each part, which is nothing for
stochastic depth, a number for each pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ops = torch.ops.aten

IN_PLACE = {ops.bernoulli_.float, ops.uniform_.default, ops.normal_.default, ops.exponential_.default}
"""Operations that fill their first argument."""

LIKE = {ops.bernoulli.p, ops.rand_like.default, ops.randn_like.default}
"""Operations that give a tensor of the shape of their first argument."""

NEW = {ops.rand.default, ops.randn.default}
"""Operations whose first argument is a shape."""


class WholeBatchDraws(TorchDispatchMode):
    """While it is on, a tensor drawn for `place` of a batch of `total` pairs is cut from one drawn for all.

    A tensor belongs to the pairs where its first dimension counts them, or those of one view after another,
    as where the views of a batch are joined for one pass. Other draws, such as a single number, are left
    as they are, and so are those inside a GPU's fused attention, which nothing outside it sees.
    """

    def __init__(self, place: slice, total: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._place, self._total = place, total
        self._count = place.stop - place.start

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Draw for all pairs where something is drawn for these; do anything else as asked."""
        kwargs = kwargs or {}
        if func is ops.native_dropout.default and args[2] and self._of_pairs(args[0].shape):
            ones = torch.ones_like(self._whole(args[0]))
            kept = self._own(func(ones, *args[1:], **kwargs)[1])
            scale = 1 / (1 - args[1]) if args[1] < 1 else 0.0
            return args[0] * kept * scale, kept
        if func in IN_PLACE and self._of_pairs(args[0].shape):
            return args[0].copy_(self._own(func(self._whole(args[0]), *args[1:], **kwargs)))
        if func in LIKE and self._of_pairs(args[0].shape):
            return self._own(func(self._whole(args[0]), *args[1:], **kwargs))
        if func in NEW and self._of_pairs(args[0]):
            return self._own(func(self._shape(args[0]), *args[1:], **kwargs))
        return func(*args, **kwargs)

    def _of_pairs(self, shape: Any) -> bool:
        return len(shape) > 0 and shape[0] > 0 and shape[0] % self._count == 0

    def _shape(self, shape: Any) -> list[int]:
        return [shape[0] // self._count * self._total, *shape[1:]]

    def _whole(self, tensor: Tensor) -> Tensor:
        """Return room for the draws of all pairs, filled in the order in which the whole batch's would be."""
        strides = tensor.stride()
        order = sorted(range(tensor.ndim), key=lambda dim: (-strides[dim], dim))
        if tensor.is_contiguous():
            order = list(range(tensor.ndim))
        shape = self._shape(tensor.shape)
        return torch.empty_permuted(shape, order, dtype=tensor.dtype, device=tensor.device)

    def _own(self, whole: Tensor) -> Tensor:
        return whole.unflatten(0, (-1, self._total))[:, self._place].flatten(0, 1)
