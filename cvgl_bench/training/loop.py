"""The training loop: the same for every method and data set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cvgl_bench.data.loading import EpochBatches, pair_loader
from cvgl_bench.data.splits import Split
from cvgl_bench.embedding.images import autocast, autocast_type, embed_split
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.foundation.progress import progress
from cvgl_bench.method import Context, TrainableMethod, View
from cvgl_bench.networks.memory import RECOMPUTE_ADVICE, enough_memory
from cvgl_bench.ranking import nearest
from cvgl_bench.training.gradients import Before, backward, normalises
from cvgl_bench.training.interruption import Interruption
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.sampling import gps_neighbours, neighbour_batches, random_batches, similar_neighbours
from cvgl_bench.training.schedule import warmup_cosine

Losses = dict[str, float]

FP16_INITIAL_SCALE = 1024.0
"""Initial gradient scale under fp16, as in Sample4Geo's published training script."""


@dataclass
class Training:
    """Everything that a training run changes: restoring it continues the run."""

    network: nn.Module
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler
    chunk: int
    """Pairs that go through the network at a time; a batch of more is gone through twice."""
    neighbours: NDArray[np.int64] | None = None
    """int64 (Q, pool), rows of each query's neighbour references; None until first needed."""
    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Optimiser steps taken."""
    batch: int = 0
    """Batches of the epoch in progress that are done; its batches follow from seed, epoch and neighbours."""
    sums: dict[str, Tensor] = field(default_factory=dict)
    """Sum of every loss term over those batches."""
    seconds: float = 0.0
    """Time that training took so far, interruptions left out."""
    epoch_began_s: float = 0.0
    """What `seconds` was when the epoch in progress began."""

    def finish_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, {}
        self.epoch_began_s = self.seconds


@dataclass(frozen=True)
class Setting:
    """What a training run does not change."""

    method: TrainableMethod
    split: Split
    options: TrainingOptions
    device: torch.device
    workers: int
    say: Callable[[str], None]
    """Tells the person who waits what was found."""


def start(setting: Setting, network: nn.Module) -> Training:
    """Return the state before the first step."""
    options = setting.options
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not parameters:
        raise TrainingError(f"Method '{setting.method.name}' has no parameter to train.")
    optimizer = torch.optim.AdamW(parameters, lr=options.learning_rate, weight_decay=options.weight_decay)
    kind = autocast_type(options.mixed_precision, setting.device)
    scaler = torch.amp.GradScaler(
        setting.device.type, init_scale=FP16_INITIAL_SCALE, enabled=kind is torch.float16
    )
    chunk = options.batch_size if options.chunk == "auto" else options.chunk
    state = Training(network, optimizer, scaler, chunk)
    _say_what_chunks_change(setting, state)
    return state


def chunk_facts(setting: Setting, state: Training) -> dict[str, Any]:
    """Return what a record says of batches that went through the network in chunks; nothing if none did."""
    if state.chunk >= setting.options.batch_size:
        return {}
    return {"chunk": state.chunk, "normalised_over": "chunk" if normalises(state.network) else "pair"}


def _say_what_chunks_change(setting: Setting, state: Training) -> None:
    if chunk_facts(setting, state).get("normalised_over") == "chunk":
        setting.say(
            f"  layers that normalise over a batch see {state.chunk} pairs, not {setting.options.batch_size}"
        )


def train(
    setting: Setting,
    state: Training,
    *,
    on_advance: Callable[[bool], None],
    on_epoch: Callable[[Losses, float], None],
) -> None:
    """Run what remains of the epoch in progress and the epochs after it.

    `on_epoch(losses, seconds)` is called after an epoch's last step; the epoch counts as finished when it
    returns. `on_advance(stop)` is called after each step and epoch. Asked to end by Ctrl-C or SIGTERM,
    it finishes the step, calls `on_advance(True)` and raises KeyboardInterrupt. Raises TrainingError
    for a loss that is not finite.
    """
    batches = EpochBatches()
    loader = pair_loader(
        setting.method,
        setting.split,
        batches=batches,
        seed=setting.options.seed,
        workers=setting.workers,
        device=setting.device,
    )
    began = time.perf_counter() - state.seconds
    while state.epoch < setting.options.epochs:
        rows = _epoch_batches(setting, state, state.epoch + 1)
        batches.fill(state.epoch + 1, rows[state.batch :])
        title = f"epoch {state.epoch + 1}/{setting.options.epochs}"
        with Interruption() as interruption, progress(len(rows), title) as bar:
            bar.advance(state.batch)
            state.network.train()
            for batch in loader:
                _train_batch(setting, state, batch, steps=len(rows))
                state.seconds = time.perf_counter() - began
                bar.advance()
                if interruption.asked:
                    break
                on_advance(False)
        if interruption.asked:
            on_advance(True)
            raise KeyboardInterrupt
        on_epoch(mean_losses(state), state.seconds - state.epoch_began_s)
        state.seconds = time.perf_counter() - began
        state.finish_epoch()
        on_advance(False)


def mean_losses(state: Training) -> Losses:
    """Return the mean of every loss term over the epoch in progress, and of their sum as 'total'.

    Raises TrainingError where the total is not finite.
    """
    losses = {name: float(value) / state.batch for name, value in state.sums.items()}
    losses["total"] = sum(losses.values())
    if not math.isfinite(losses["total"]):
        raise TrainingError(
            f"The loss is no longer finite in epoch {state.epoch + 1} ({losses}). "
            "Lower `learning_rate` or set `mixed_precision=off`."
        )
    return losses


def _epoch_batches(setting: Setting, state: Training, epoch: int) -> NDArray[np.int64]:
    options, split = setting.options, setting.split
    generator = np.random.default_rng([options.seed, epoch])
    avoid = split.covers if options.keep_covers_apart else None
    if options.sampling == "random":
        return random_batches(split.truth, options.batch_size, generator=generator, avoid=avoid)
    if state.neighbours is None:
        state.neighbours = _by_distance(setting)
    due = options.mine_every and epoch > 1 and (epoch - 1) % options.mine_every == 0
    if due and state.batch == 0:
        state.neighbours = _by_similarity(setting, state.network, epoch)
    return neighbour_batches(
        state.neighbours,
        split.truth,
        batch_size=options.batch_size,
        select=options.neighbour_select,
        generator=generator,
        avoid=avoid,
    )


def _by_distance(setting: Setting) -> NDArray[np.int64]:
    if not setting.split.has_coordinates:
        raise TrainingError(
            f"sampling={setting.options.sampling} starts from neighbours by distance, but this data set has "
            "no coordinates. Set sampling=random."
        )
    positions = (
        table[["lat", "lon"]].to_numpy(np.float64)
        for table in (setting.split.queries, setting.split.references)
    )
    return gps_neighbours(
        *positions,
        truth=setting.split.truth,
        pool=setting.options.neighbour_pool,
        metric=setting.options.neighbour_metric,
        owner=setting.options.neighbour_owner,
    )


def _by_similarity(setting: Setting, network: nn.Module, epoch: int) -> NDArray[np.int64]:
    """Return each query's most similar references under the current weights."""
    split, pool = setting.split, setting.options.neighbour_pool
    used = np.unique(split.truth)
    sides: tuple[tuple[View, list[int] | None], ...] = (("query", None), ("reference", used.tolist()))
    queries, references = (
        embed_split(
            setting.method,
            network,
            split,
            view=view,
            rows=rows,
            device=setting.device,
            batch_size=setting.options.batch_size,
            workers=setting.workers,
            mixed_precision=setting.options.mixed_precision,
        )
        for view, rows in sides
    )
    found = nearest(queries, references, pool + 1, index=setting.options.mine_index)
    setting.say(f"  mined for epoch {epoch}: {found}")
    owner = setting.options.neighbour_owner
    return similar_neighbours(used[found.rows], truth=split.truth, pool=pool, owner=owner)


def _train_batch(setting: Setting, state: Training, batch: dict[str, Tensor], *, steps: int) -> None:
    options = setting.options
    context = Context(state.step, options.epochs * steps, epoch=state.epoch, epochs=options.epochs)
    with enough_memory(f"a step of {options.batch_size} pairs", RECOMPUTE_ADVICE):
        batch = {name: tensor.to(setting.device, non_blocking=True) for name, tensor in batch.items()}
        terms = _gradients(setting, state, batch, context)
        _step(setting, state, steps=steps)
    for name, value in terms.items():
        state.sums[name] = state.sums.get(name, 0) + value.detach().float()
    state.batch += 1


def _gradients(
    setting: Setting, state: Training, batch: dict[str, Tensor], context: Context
) -> dict[str, Tensor]:
    """Set the gradients of a batch and return its loss terms.

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
            )
        except torch.cuda.OutOfMemoryError:
            if setting.options.chunk != "auto" or state.chunk == 1:
                raise
        state.chunk = (state.chunk + 1) // 2
        setting.say(f"  the GPU's memory is full: from here on {state.chunk} pairs go through it at a time")
        _say_what_chunks_change(setting, state)
        before.restore()


def _step(setting: Setting, state: Training, *, steps: int) -> None:
    options, optimizer = setting.options, state.optimizer
    factor = warmup_cosine(
        state.step, warmup_steps=options.warmup_epochs * steps, total_steps=options.epochs * steps
    )
    for group in optimizer.param_groups:
        group["lr"] = options.learning_rate * factor
    state.scaler.unscale_(optimizer)
    parameters = optimizer.param_groups[0]["params"]
    nn.utils.clip_grad_value_(parameters, options.clip_value)
    state.scaler.step(optimizer)
    state.scaler.update()
    state.step += 1
