"""The optimiser of a run: which parameters it moves, at which rate, by which of timm's optimisers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from timm.optim import create_optimizer_v2
from torch import nn

from cvgl_bench.foundation.errors import TrainingError, in_one_line
from cvgl_bench.method import GroupsParameters, ParameterGroup, TrainableMethod
from cvgl_bench.networks.answers import parameter_groups
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.schedule import Schedule


def make_optimizer(
    method: TrainableMethod, network: nn.Module, options: TrainingOptions
) -> torch.optim.Optimizer:
    """Return the optimiser of what a network has to train; what the method freezes needs no gradient then.

    Raises TrainingError where there is nothing to train, or where the optimiser cannot be had here.
    """
    groups = list(_optimizer_groups(method, network, options))
    if not groups:
        raise TrainingError(f"Method '{method.name}' has no parameter to train.")
    try:
        return create_optimizer_v2(
            groups,
            options.optimizer,
            lr=peak_rate(options),
            weight_decay=options.weight_decay,
            momentum=options.momentum,
        )
    except (AssertionError, ImportError, TypeError, ValueError) as error:
        raise TrainingError(
            f"The optimiser '{options.optimizer}' cannot be had here: {in_one_line(error)}. Choose another "
            "training.optimizer."
        ) from None


def trained_parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Return what an optimiser moves, over all of its groups."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def peak_rate(options: TrainingOptions) -> float:
    """Return the learning rate that the schedule rises to, scaled to the batch where that is asked for.

    linear: Goyal et al., 2017, section 2.1. sqrt: Krizhevsky, 2014, section 5.
    """
    if options.scale_rate == "none" or options.published_batch_size is None:
        return options.learning_rate
    ratio = options.batch_size / options.published_batch_size
    return options.learning_rate * (ratio if options.scale_rate == "linear" else math.sqrt(ratio))


def schedule_of(options: TrainingOptions, *, epoch_steps: int) -> Schedule:
    """Return the schedule of a run whose epochs have so many steps."""
    return Schedule(
        form=options.schedule,
        warmup_steps=options.warmup_epochs * epoch_steps,
        total_steps=options.epochs * epoch_steps,
        end=options.schedule_end,
        power=options.schedule_power,
        every_steps=options.schedule_every * epoch_steps,
        factor=options.schedule_factor,
    )


def rate_at(options: TrainingOptions, step: int, *, epoch_steps: int) -> float:
    """Return the learning rate of a step (from 0) in a run whose epochs have so many."""
    return peak_rate(options) * schedule_of(options, epoch_steps=epoch_steps).at(step)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step go at a rate, in each group times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["rate_factor"]


def _optimizer_groups(
    method: TrainableMethod, network: nn.Module, options: TrainingOptions
) -> Iterator[dict[str, Any]]:
    """Yield what torch's optimisers take for groups, none of them empty."""
    left_alone = _left_alone(network) if options.decay_on == "matrices" else set()
    for group in _method_groups(method, network):
        trained = [parameter for parameter in group.parameters if parameter.requires_grad]
        decay = options.weight_decay if group.weight_decay is None else group.weight_decay
        for parameters, own_decay in (
            ([p for p in trained if id(p) not in left_alone], decay),
            ([p for p in trained if id(p) in left_alone], 0.0),
        ):
            if parameters:
                yield {"params": parameters, "rate_factor": group.rate_factor, "weight_decay": own_decay}


def _method_groups(method: TrainableMethod, network: nn.Module) -> Sequence[ParameterGroup]:
    """Return the groups that a method asks for, then one of all others; freeze those that stand still."""
    groups: Sequence[ParameterGroup] = ()
    if isinstance(method, GroupsParameters):
        groups = parameter_groups(method, method.parameter_groups(network), network=network)
    taken = {id(parameter) for group in groups for parameter in group.parameters}
    for group in groups:
        for parameter in group.parameters if group.frozen else ():
            parameter.requires_grad_(False)
    others = [parameter for parameter in network.parameters() if id(parameter) not in taken]
    return [*groups, ParameterGroup("others", others)]


def _left_alone(network: nn.Module) -> set[int]:
    """Return the identities of parameters that a decay on matrices leaves alone, by timm's rule.

    Those of less than two dimensions, biases, and what the network's parts name in `no_weight_decay()`.
    """
    named = {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in network.named_modules()
        if callable(rule := getattr(part, "no_weight_decay", None))
        for name in rule()
    }
    return {
        id(parameter)
        for name, parameter in network.named_parameters()
        if parameter.ndim <= 1 or name.endswith(".bias") or name in named
    }
