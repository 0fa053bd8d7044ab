"""Saving and restoring a training run, within an epoch too, so that a kill costs seconds at most."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from cvgl_bench.foundation.errors import CheckpointError, in_one_line
from cvgl_bench.networks.checkpoints import read_tensors, save_tensors
from cvgl_bench.training.loop import mean_losses
from cvgl_bench.training.optimizer_state import optimizer_state, restore_optimizer
from cvgl_bench.training.setting import Recent, Training

NETWORK, AVERAGE, OPTIMIZER, SUMS, RECENT = ("network.", "average.", "optimizer.", "sums.", "recent.")

NUMBERS = ("epoch", "step", "batch", "chunk", "seconds", "epoch_began_s")
"""Fields of `Training` that travel in the JSON tensor."""

RECENT_NUMBERS = ("steps", "began_s", "waited_s")
"""The same of `Recent`."""

TRAINING_PER_SAVE = 50
"""Training goes on for this many times what a save took before the next: saving costs 2 % at most."""


class Saver:
    """Keeps the state of a training run on disk, so recent that little is lost and seldom enough."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due_at = time.perf_counter()

    def save(self, state: Training) -> None:
        """Save now; raises TrainingError, and keeps the last state, where the losses are not finite.

        Of several processes, whose states are the same, the first alone writes.
        """
        mean_losses(state)
        if not state.shard.group.first:
            return
        began = time.perf_counter()
        save_state(state, self._path)
        ended = time.perf_counter()
        self._due_at = ended + TRAINING_PER_SAVE * (ended - began)

    def save_if_due(self, state: Training) -> None:
        """Save if the last save has paid off."""
        if state.shard.group.first and time.perf_counter() >= self._due_at:
            self.save(state)


def save_state(state: Training, path: Path) -> None:
    """Write everything that continuing needs as safetensors; numbers travel in one JSON tensor."""
    tensors = {NETWORK + name: tensor for name, tensor in state.network.state_dict().items()}
    kept, of_optimizer = optimizer_state(state.optimizer)
    tensors |= {OPTIMIZER + name: tensor for name, tensor in kept.items()}
    if state.average is not None:
        tensors |= {AVERAGE + name: tensor for name, tensor in state.average.module.state_dict().items()}
    tensors |= {SUMS + name: value for name, value in state.sums.items()}
    tensors |= {RECENT + name: value for name, value in state.recent.sums.items()}
    if state.neighbours is not None:
        tensors["neighbours"] = torch.from_numpy(state.neighbours)
    tensors["rng"] = torch.get_rng_state()
    if (device := _device(state)).type == "cuda":
        tensors["rng_cuda"] = torch.cuda.get_rng_state(device)
    numbers = {name: getattr(state, name) for name in NUMBERS}
    numbers["recent"] = {name: getattr(state.recent, name) for name in RECENT_NUMBERS}
    numbers["optimizer"] = of_optimizer
    numbers |= {"scaler": state.scaler.state_dict(), "random": random.getstate(), "numpy": _numpy_state()}
    tensors["numbers"] = torch.frombuffer(bytearray(json.dumps(numbers).encode()), dtype=torch.uint8)
    save_tensors(tensors, path, metadata={"kind": "training state"})


def restore_state(state: Training, path: Path) -> None:
    """Bring a fresh `Training` to where `save_state` was called; raises CheckpointError if it cannot.

    The first process reads for all, of whatever number: what they share is no part of a state.
    """
    tensors = state.shard.group.first_says(lambda: read_tensors(path))
    try:
        numbers = json.loads(bytes(tensors["numbers"].tolist()))
        state.network.load_state_dict(_under(tensors, NETWORK), strict=True)
        restore_optimizer(state.optimizer, _under(tensors, OPTIMIZER), numbers["optimizer"])
        if state.average is not None:
            state.average.module.load_state_dict(_under(tensors, AVERAGE), strict=True)
        state.scaler.load_state_dict(numbers["scaler"])
        for name in NUMBERS:
            setattr(state, name, numbers[name])
        state.recent = Recent(_on_device(state, tensors, RECENT), **numbers["recent"])
        _restore_generators(state, tensors, numbers)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        reason = in_one_line(error)
        raise CheckpointError(f"{path} is not a training state of this run: {reason}") from None
    state.sums = _on_device(state, tensors, SUMS)
    if "neighbours" in tensors:
        state.neighbours = tensors["neighbours"].numpy().astype(np.int64)


def _restore_generators(
    state: Training, tensors: Mapping[str, torch.Tensor], numbers: Mapping[str, Any]
) -> None:
    version, internal, gauss_next = numbers["random"]
    random.setstate((version, tuple(internal), gauss_next))
    name, keys, *rest = numbers["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(tensors["rng"])
    if "rng_cuda" in tensors and (device := _device(state)).type == "cuda":
        torch.cuda.set_rng_state(tensors["rng_cuda"], device)


def _numpy_state() -> list[Any]:
    # Its type allows for the dict of `legacy=False` too.
    name, keys, *rest = cast(tuple[Any, ...], np.random.get_state())
    return [name, keys.tolist(), *rest]


def _device(state: Training) -> torch.device:
    return state.optimizer.param_groups[0]["params"][0].device


def _on_device(state: Training, tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name: value.to(_device(state)) for name, value in _under(tensors, prefix).items()}


def _under(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
