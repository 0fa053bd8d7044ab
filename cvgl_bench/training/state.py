"""Saving and restoring a training run after each epoch, so that a kill loses at most one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from cvgl_bench.checkpoints import read_tensors, save_tensors
from cvgl_bench.errors import CheckpointError
from cvgl_bench.training.loop import Training

NETWORK, OPTIMIZER = "network.", "optimizer."


def save_state(state: Training, path: Path) -> None:
    """Write everything that continuing needs as safetensors; numbers travel in one JSON tensor."""
    tensors = {NETWORK + name: tensor for name, tensor in state.network.state_dict().items()}
    for row, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"{OPTIMIZER}{row}.{name}": torch.as_tensor(value) for name, value in slots.items()}
    if state.neighbours is not None:
        tensors["neighbours"] = torch.from_numpy(state.neighbours)
    tensors["rng"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["rng_cuda"] = torch.cuda.get_rng_state()
    numbers = {"epoch": state.epoch, "step": state.step, "scaler": state.scaler.state_dict()}
    tensors["numbers"] = torch.frombuffer(bytearray(json.dumps(numbers).encode()), dtype=torch.uint8)
    save_tensors(tensors, path, metadata={"kind": "training state"})


def restore_state(state: Training, path: Path) -> None:
    """Bring a fresh `Training` to where `save_state` was called; raises CheckpointError if it cannot."""
    tensors = read_tensors(path)
    try:
        numbers = json.loads(bytes(tensors["numbers"].tolist()))
        state.network.load_state_dict(_under(tensors, NETWORK), strict=True)
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _under(tensors, OPTIMIZER).items():
            row, _, slot = name.partition(".")
            slots.setdefault(int(row), {})[slot] = tensor
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        state.scaler.load_state_dict(numbers["scaler"])
        torch.set_rng_state(tensors["rng"])
        if "rng_cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["rng_cuda"])
    except (KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not a training state of this run: {reason}") from None
    if "neighbours" in tensors:
        state.neighbours = tensors["neighbours"].numpy().astype(np.int64)
    state.epoch, state.step = numbers["epoch"], numbers["step"]


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
