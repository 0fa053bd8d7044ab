"""Weights on disk: written whole as safetensors, read without executing code, loaded strictly."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cvgl_bench.foundation.errors import CheckpointError, in_one_line
from cvgl_bench.foundation.whole_files import written_whole

if TYPE_CHECKING:
    from cvgl_bench.method import Method

SHOWN_KEYS = 5
"""Differing keys that an error message lists before it only counts."""

READ_SIZE = 1 << 22

FORMS = "It must be safetensors, or a PyTorch state dict of plain tensors."


def save_tensors(tensors: Mapping[str, Tensor], path: Path, *, metadata: dict[str, str]) -> None:
    """Write tensors as safetensors, whole or not at all, replacing an earlier file."""
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with written_whole(path, error=CheckpointError) as temporary:
        usual = temporary.stat().st_mode
        try:
            save_file(whole, temporary, metadata=metadata)
        except SafetensorError as error:
            # It wraps what the operating system said.
            raise OSError(in_one_line(error)) from None
        # safetensors makes files that nobody but their owner can read.
        temporary.chmod(usual)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors`, or from a PyTorch file that holds nothing but tensors."""
    if path.is_dir():
        inside = " or ".join(map(str, sorted(path.glob("*.safetensors"))))
        raise CheckpointError(f"{path} is a folder; give a file of weights{inside and ', such as '}{inside}.")
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        # What torch says to it advises to execute the code in the file.
        raise CheckpointError(f"{path} cannot be read as weights. {FORMS}") from None
    except Exception as error:  # torch.load and safetensors raise many types on a damaged file.
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} cannot be read as weights ({type(error).__name__}: {reason}). {FORMS}"
        ) from None
    if isinstance(state, dict) and set(state) == {"state_dict"}:
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} holds something other than a state dict of tensors.")
    return state


def load_weights(path: Path, method: Method, network: nn.Module) -> None:
    """Load a checkpoint into `network`, refusing it with the keys that differ unless all fit."""
    state = method.load_checkpoint(read_tensors(path))
    expected = network.state_dict()
    problems = [
        _listing("missing", sorted(expected.keys() - state.keys())),
        _listing("left over", sorted(state.keys() - expected.keys())),
        _listing(
            "of another shape",
            [
                f"{name} {tuple(state[name].shape)} instead of {tuple(tensor.shape)}"
                for name, tensor in expected.items()
                if name in state and state[name].shape != tensor.shape
            ],
        ),
    ]
    problems = [problem for problem in problems if problem]
    if problems:
        raise CheckpointError(
            f"{path} does not fit method '{method.name}' with these options: {'; '.join(problems)}. "
            "Check --method, and the options that shape the network (such as the backbone)."
        )
    network.load_state_dict(state, strict=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_SIZE):
            digest.update(block)
    return digest.hexdigest()


def _listing(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"{len(names)} {what}: {', '.join(names[:SHOWN_KEYS])}{more}"
