"""Weights on disk: written whole as safetensors, read without executing code, loaded strictly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from cvgl_bench.foundation.errors import CheckpointError, in_one_line
from cvgl_bench.foundation.whole_files import written_whole
from cvgl_bench.networks.answers import loaded_state
from cvgl_bench.networks.foreign import (
    MEMBERS,
    WRAPPERS,
    plain_records,
    refused_type,
    unnested,
    without_prefix,
)

if TYPE_CHECKING:
    from cvgl_bench.method import Method

SHOWN_KEYS = 5
"""Differing keys that an error message lists before it only counts."""

READ_SIZE = 1 << 22

OURS = "cvgl_bench"
"""Key of our entry in the metadata of safetensors, JSON that holds the `sha256` of the contents. It is the
only one: the format keeps no order among several, and equal weights would be different files."""
LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header."""

FORMS = "It must be safetensors, or a PyTorch state dict of plain tensors."


def _silent(text: str) -> None:
    """Say nothing."""


def save_tensors(tensors: Mapping[str, Tensor], path: Path, *, metadata: dict[str, str]) -> None:
    """Write tensors as safetensors, whole or not at all, replacing an earlier file.

    Their digest stands in the metadata, so that `read_tensors` notices a bit that has changed since.
    """
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    entry = json.dumps({**metadata, "sha256": _digest(whole)}, sort_keys=True)
    with written_whole(path, error=CheckpointError) as temporary:
        usual = temporary.stat().st_mode
        try:
            save_file(whole, temporary, metadata={OURS: entry})
        except SafetensorError as error:
            # It wraps what the operating system said.
            raise OSError(in_one_line(error)) from None
        # safetensors makes files that nobody but their owner can read.
        temporary.chmod(usual)


def read_tensors(path: Path, say: Callable[[str], None] = _silent) -> dict[str, Tensor]:
    """Read a state dict from safetensors or a PyTorch file, whatever its suffix, without executing code.

    A state dict inside a training checkpoint is found by the usual keys; `say` receives a line then.
    Raises CheckpointError for anything else, and for a file of ours whose contents are not what was
    written.
    """
    if path.is_dir():
        inside = " or ".join(map(str, sorted(path.glob("*.safetensors"))))
        raise CheckpointError(f"{path} is a folder; give a file of weights{inside and ', such as '}{inside}.")
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        if _is_safetensors(path):
            return _read_safetensors(path)
        with plain_records():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except UnpicklingError as error:
        # What torch says to it advises to execute the code in the file.
        kind = refused_type(error)
        raise CheckpointError(
            f"{path} cannot be read as weights"
            + (f": it holds a '{kind}', which is code. Save the state dict alone. " if kind else ". ")
            + FORMS
        ) from None
    except Exception as error:  # torch.load and safetensors raise many types on a damaged file.
        reason = str(error).splitlines()[0] if str(error) else ""
        raise CheckpointError(
            f"{path} cannot be read as weights ({type(error).__name__}: {reason}). {FORMS}"
        ) from None
    state, keys = unnested(content)
    if state is None:
        held = f", but {', '.join(map(str, list(content)[:SHOWN_KEYS]))}" if isinstance(content, dict) else ""
        raise CheckpointError(f"{path} holds something other than a state dict of tensors{held}.")
    if keys:
        say(f"{path}: the weights are those under '{keys}'")
    return state


def _is_safetensors(path: Path) -> bool:
    """Return whether a file begins as safetensors do: the length of a header, then a JSON object."""
    with path.open("rb") as file:
        start = file.read(LENGTH_BYTES + 1)
    return path.suffix == ".safetensors" or (
        start[LENGTH_BYTES:] == b"{"
        and int.from_bytes(start[:LENGTH_BYTES], "little") <= path.stat().st_size - LENGTH_BYTES
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        entry = (file.metadata() or {}).get(OURS, "{}")
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    try:
        written = json.loads(entry).get("sha256", "")
    except (ValueError, AttributeError):
        written = "none"
    if written and written != _digest(tensors):
        raise CheckpointError(
            f"{path} is damaged: its contents are not those that were written. Take an undamaged copy, or "
            "remove it and train again."
        )
    return tensors


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of contiguous tensors on the CPU: names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_weights(
    path: Path, method: Method, network: nn.Module, *, say: Callable[[str], None] = _silent
) -> None:
    """Load a checkpoint into `network`, refusing it with the keys that differ unless all fit.

    say: receives a line for what was left out of the file's names before they fitted.
    """
    expected = network.state_dict()
    state, wrappers = without_prefix(read_tensors(path, say), expected, WRAPPERS)
    state, members = without_prefix(loaded_state(method, method.load_checkpoint(state)), expected, MEMBERS)
    if wrappers or members:
        say(f"{path}: all names begin with '{wrappers}{members}', which is left out")
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
