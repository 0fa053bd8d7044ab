"""The training loop: the same for every method and data set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from timm.utils import ModelEmaV3
from torch import nn

from cvgl_bench.data.loading import EpochBatches, pair_loader
from cvgl_bench.embedding.images import autocast_type
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.foundation.progress import progress
from cvgl_bench.training.interruption import Interruption
from cvgl_bench.training.monitor import Measured, Monitor
from cvgl_bench.training.optimizer import make_optimizer
from cvgl_bench.training.sampling.epoch import epoch_batches
from cvgl_bench.training.setting import Setting, Training
from cvgl_bench.training.shard import Shard
from cvgl_bench.training.step import say_what_chunks_change, train_batch

Losses = dict[str, float]

FP16_INITIAL_SCALE = 1024.0
"""Initial gradient scale under fp16, as in Sample4Geo's published training script."""


def start(setting: Setting, network: nn.Module) -> Training:
    """Return the state before the first step."""
    options = setting.options
    optimizer = make_optimizer(setting.method, network, options)
    kind = autocast_type(options.mixed_precision, setting.device)
    scaler = torch.amp.GradScaler(
        setting.device.type, init_scale=FP16_INITIAL_SCALE, enabled=kind is torch.float16
    )
    chunk = options.batch_size if options.chunk == "auto" else options.chunk
    average = ModelEmaV3(network, decay=options.ema_decay) if options.ema_decay else None
    # After the average is copied: layers that talk to other processes cannot be.
    setting.group.synchronise(network)
    shard = Shard(setting.group, options.batch_size)
    state = Training(network, optimizer, scaler, chunk, average, shard=shard)
    say_what_chunks_change(setting, state)
    return state


def train(
    setting: Setting,
    state: Training,
    *,
    on_advance: Callable[[bool], None],
    on_epoch: Callable[[Losses, float], None],
    on_measured: Callable[[Measured], None],
) -> None:
    """Run what remains of the epoch in progress and the epochs after it.

    `on_epoch(losses, seconds)` is called after an epoch's last step; the epoch counts as finished when it
    returns. `on_advance(stop)` is called after each step and epoch, `on_measured(row)` before it every
    `setting.log_every` steps of an epoch and after its last one. Asked to end by Ctrl-C or SIGTERM,
    it finishes the step, calls `on_advance(True)` and raises KeyboardInterrupt with the signal's number.
    Raises TrainingError for a loss that is not finite.
    """
    batches = EpochBatches()
    loader = pair_loader(
        setting.method,
        setting.split,
        batches=batches,
        seed=setting.options.seed,
        decode=setting.options.decode,
        workers=setting.workers,
        device=setting.device,
    )
    state.started_at = time.perf_counter() - state.seconds
    monitor = Monitor(setting, state, on_measured)
    while state.epoch < setting.options.epochs:
        rows = epoch_batches(setting, state, state.epoch + 1)
        batches.fill(state.epoch + 1, rows[state.batch :, setting.group.share(rows.shape[1])])
        title = f"epoch {state.epoch + 1}/{setting.options.epochs}"
        with Interruption(setting.group) as interruption:
            with progress(len(rows), title, done=state.batch, shown=setting.group.first) as bar:
                state.network.train()
                monitor.begin_epoch(len(rows))
                for batch in monitor.timed(loader):
                    train_batch(setting, state, batch, steps=len(rows))
                    monitor.step()
                    bar.advance(note=monitor.note)
                    if interruption.agreed():
                        break
                    on_advance(False)
            if interruption.agreed():
                on_advance(True)
                # The first that ends lets a launcher end the others, of which one still saves.
                setting.group.await_all()
                raise KeyboardInterrupt(interruption.number)
        on_epoch(mean_losses(state), state.seconds - state.epoch_began_s)
        state.tick()
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
            f"Lower `learning_rate` or set `mixed_precision=off`.{state.shard.blame()}"
        )
    return losses
