"""Sharpness-aware steps: the gradient that is followed is that of the worst weights nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from cvgl_bench.training.gradients import Before

T = TypeVar("T")

ASAM_ETA = 0.01
"""What is added to the size of each weight (Kwon et al., ICML 2021; published code)."""

LEAST_NORM = 1e-12
"""Keeps a gradient of zero from becoming NaN; a larger norm does not notice."""


def sharp_gradient(
    compute: Callable[[], T],
    network: nn.Module,
    *,
    device: torch.device,
    rho: float,
    adaptive: bool,
) -> T:
    """Leave in a network the gradient of the worst weights nearby; return what `compute` gives at its own.

    compute: sets the gradients of one batch, as often as it is called. Both times it draws the same random
    numbers and begins with the same buffers; what is left of both is that of the first time, so that a
    running statistic counts a batch once. Sources: Foret et al., ICLR 2021, eq. 2; adaptive, with a
    neighbourhood as wide as each weight is large: Kwon et al., ICML 2021, algorithm 1. The gradient may
    carry a gradient scaler's factor, on which its direction does not depend; where it overflowed, the
    second one is not finite either, and the scaler skips the step.
    """
    before = Before.of(network, device)
    found = compute()
    after = Before.of(network, device)
    moved = [parameter for parameter in network.parameters() if parameter.grad is not None]
    own = [parameter.detach().clone() for parameter in moved]
    _ascend(network, rho=rho, adaptive=adaptive)
    before.restore()
    compute()
    after.restore()
    with torch.no_grad():
        for parameter, value in zip(moved, own, strict=True):
            parameter.copy_(value)
    return found


@torch.no_grad()
def _ascend(network: nn.Module, *, rho: float, adaptive: bool) -> None:
    """Go from a network's weights a distance `rho` along the gradient, each in units of its size if adaptive.

    Biases and single numbers have no unit of their own, as in published code, which goes by the name too.
    """
    moves: list[tuple[Tensor, Tensor]] = []
    slopes: list[Tensor] = []
    for name, parameter in network.named_parameters():
        if parameter.grad is None:
            continue
        unit = parameter.abs() + ASAM_ETA if adaptive and "weight" in name else torch.ones_like(parameter)
        slopes.append(unit * parameter.grad)
        moves.append((parameter, unit * slopes[-1]))
    # A tensor, not a number: nothing waits for the device.
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(slope) for slope in slopes]))
    for weight, move in moves:
        weight.add_(move * (rho / (norm + LEAST_NORM)))
