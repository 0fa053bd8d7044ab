"""One step of the optimiser: a batch's gradients, clipped, at the rate that the schedule says."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from cvgl_bench.embedding.images import autocast, autocast_type
from cvgl_bench.method import ActsAfterSteps, Context
from cvgl_bench.networks.memory import RECOMPUTE_ADVICE, enough_memory
from cvgl_bench.training.gradients import Before, Tensors, backward, normalises
from cvgl_bench.training.optimizer import rate_at, set_rate, trained_parameters
from cvgl_bench.training.setting import Setting, Training
from cvgl_bench.training.sharpness import sharp_gradient


def training_facts(setting: Setting, state: Training) -> dict[str, Any]:
    """Return what a record says of how training went beside the options: only what is out of the ordinary."""
    average = {} if state.average is None else {"weights": "moving average"}
    return average | _part_facts(setting, state)


def _part_facts(setting: Setting, state: Training) -> dict[str, Any]:
    """Return what is said of batches that went through the network in parts; nothing if none did."""
    facts: dict[str, Any] = {}
    chunked, shared = state.chunk < state.shard.most, setting.group.count > 1
    if shared:
        facts["pairs_per_process"] = state.shard.most
    if chunked:
        facts["chunk"] = state.chunk
    if chunked or (shared and not setting.group.synchronises):
        over = "chunk" if chunked else "process"
        facts["normalised_over"] = over if normalises(state.network) else "pair"
    return facts


def say_what_chunks_change(setting: Setting, state: Training) -> None:
    """Tell the person where layers that normalise over a batch see a part for it."""
    if _part_facts(setting, state).get("normalised_over", "pair") != "pair":
        pairs = min(state.chunk, state.shard.most)
        if setting.group.synchronises:
            pairs *= setting.group.count
        setting.say(
            f"  layers that normalise over a batch see {pairs} pairs, not {setting.options.batch_size}"
        )


def train_batch(setting: Setting, state: Training, batch: Tensors, *, steps: int) -> None:
    """Take one step with a batch from the loader; `steps` make an epoch.

    The gradient of the whole batch is made in `gradients.py`, which is where rows of other processes
    join; whatever is done here sees gradients that are complete.
    """
    options = setting.options
    context = Context(state.step, options.epochs * steps, epoch=state.epoch, epochs=options.epochs)
    with enough_memory(f"a step of {options.batch_size} pairs", RECOMPUTE_ADVICE):
        batch = {name: tensor.to(setting.device, non_blocking=True) for name, tensor in batch.items()}
        terms, outputs = _followed_gradient(setting, state, batch, context)
        _step(setting, state, epoch_steps=steps)
        if isinstance(setting.method, ActsAfterSteps):
            with torch.no_grad():
                setting.method.after_step(state.network, outputs, context)
        if state.average is not None:
            state.average.update(state.network, step=state.step)
    for name, value in terms.items():
        for sums in (state.sums, state.recent.sums):
            sums[name] = sums.get(name, 0) + value.detach().float()
    state.batch += 1
    state.recent.steps += 1


def _followed_gradient(
    setting: Setting, state: Training, batch: Tensors, context: Context
) -> tuple[Tensors, Tensors]:
    """Set the gradients that the step goes by; return the loss terms and what the criterion was given."""
    compute = partial(_gradients, setting, state, batch, context)
    options = setting.options
    if options.sharpness == "none":
        return compute()
    return sharp_gradient(
        compute,
        state.network,
        device=setting.device,
        rho=options.rho,
        adaptive=options.sharpness == "asam",
    )


def _gradients(
    setting: Setting, state: Training, batch: Tensors, context: Context
) -> tuple[Tensors, Tensors]:
    """Set the gradients of a batch; return its loss terms and what the criterion was given.

    Where `chunk` is auto, a step that the GPU's memory does not hold is done again in halves, and so are
    all after it.
    """
    computing = partial(
        autocast, autocast_type(setting.options.mixed_precision, setting.device), setting.device
    )
    before = Before.of(state.network, setting.device)
    while True:
        state.optimizer.zero_grad(set_to_none=True)
        try:
            return backward(
                setting.method,
                state.network,
                batch,
                context=context,
                chunk=state.chunk,
                autocast=computing,
                scale=state.scaler.scale,
                shard=state.shard,
            )
        except torch.cuda.OutOfMemoryError:
            if setting.options.chunk != "auto" or state.chunk == 1:
                raise
        state.chunk = (min(state.chunk, state.shard.most) + 1) // 2
        setting.say(f"  the GPU's memory is full: from here on {state.chunk} pairs go through it at a time")
        say_what_chunks_change(setting, state)
        before.restore()


def _step(setting: Setting, state: Training, *, epoch_steps: int) -> None:
    options, optimizer = setting.options, state.optimizer
    set_rate(optimizer, rate_at(options, state.step, epoch_steps=epoch_steps))
    state.scaler.unscale_(optimizer)
    parameters = trained_parameters(optimizer)
    if options.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, options.clip_value)
    if options.clip_norm is not None:
        nn.utils.clip_grad_norm_(parameters, options.clip_norm)
    state.scaler.step(optimizer)
    state.scaler.update()
    state.step += 1
