"""What an optimiser keeps between steps, as tensors and plain numbers and back, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cvgl_bench.foundation.errors import TrainingError

PLAIN = (bool, int, float, str, type(None))

GROUP = "group"
"""Before the number of a parameter group; parameters are numbered without it."""

Numbers = dict[str, dict[str, Any]]


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], Numbers]:
    """Return an optimiser's state as tensors `<owner>.<name>` and as plain values by owner and name.

    Owners are parameters, counted over all groups, and groups, some of which count steps. Raises
    TrainingError where it keeps anything else.
    """
    state = optimizer.state_dict()
    owners = {str(row): slots for row, slots in state["state"].items()}
    for number, group in enumerate(state["param_groups"]):
        owners[f"{GROUP}{number}"] = {name: group[name] for name in _steps_of(group)}
    tensors: dict[str, Tensor] = {}
    numbers: Numbers = {}
    for owner, slots in owners.items():
        for name, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"{owner}.{name}"] = value
            elif isinstance(value, PLAIN):
                numbers.setdefault(owner, {})[name] = value
            else:
                raise TrainingError(
                    f"A run by {type(optimizer).__name__} could not be resumed: it keeps '{name}' as a "
                    f"{type(value).__name__}. Choose another training.optimizer."
                )
    return tensors, numbers


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], numbers: Numbers
) -> None:
    """Bring a fresh optimiser to where `optimizer_state` was called.

    Raises KeyError, IndexError, ValueError or RuntimeError for the state of another one.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    owners: dict[str, dict[str, Any]] = {owner: dict(slots) for owner, slots in numbers.items()}
    for key, tensor in tensors.items():
        owner, _, name = key.partition(".")
        owners.setdefault(owner, {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    slots_of: dict[int, dict[str, Any]] = {}
    for owner, slots in owners.items():
        if owner.startswith(GROUP):
            groups[int(owner.removeprefix(GROUP))].update(slots)
        else:
            row = int(owner)
            slots_of[row] = {name: _like(parameters[row], value) for name, value in slots.items()}
    optimizer.load_state_dict({"state": slots_of, "param_groups": groups})


def _steps_of(group: Mapping[str, Any]) -> list[str]:
    """Return what a group counts; the rest of it follows from the options."""
    return [name for name in ("step",) if name in group]


def _like(parameter: Tensor, value: Any) -> Any:
    """Return a value in the parameter's memory order, as before: kernels may round differently in another."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
