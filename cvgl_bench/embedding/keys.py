"""What stored embeddings are told apart by: everything that shapes them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn

from cvgl_bench.data.splits import Split
from cvgl_bench.data.variants import PLAIN
from cvgl_bench.embedding import provenance
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.method import Method, View

Facts = dict[str, Any]


def method_facts(method: Method, network: nn.Module) -> Facts:
    """Return what a method and its network add to a key."""
    return {
        "method": method.name,
        "options": dataclasses.asdict(method.options),
        "weights": weights_digest(network),
    }


def machine_facts(device: torch.device, precision: torch.dtype | None, batch_size: int) -> Facts:
    """Return what of the machine changes an embedding in its last digits."""
    return {
        "precision": str(precision or torch.float32).removeprefix("torch."),
        "batch_size": batch_size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "versions": {**provenance.versions(), "opencv": cv2.__version__},
    }


def split_facts(split: Split, view: View) -> Facts:
    """Return what one view of a split adds to a key."""
    return {
        "view": view,
        "fingerprint": split.fingerprint,
        "variant": str(split.variant if view == "query" else PLAIN),
        "images": images_digest(split, view),
    }


def weights_digest(network: nn.Module) -> str:
    """Return the SHA-256 of every parameter and buffer with its name, whatever file they came from."""
    digest = hashlib.sha256()
    tensors = {**network.state_dict(), **dict(network.named_buffers())}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def images_digest(split: Split, view: View) -> str:
    """Return the SHA-256 of the name, size and time of change of every image of a view.

    The fingerprint of a split knows names and labels; this knows an image that was made anew.
    """
    digest = hashlib.sha256()
    for path in (split.queries if view == "query" else split.references)["path"]:
        try:
            state = os.stat(f"{split.root}/{path}")
        except OSError as error:
            raise DataError(f"The image {split.root / path} cannot be read: {error.strerror}.") from None
        digest.update(f"{path}\n{state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@functools.cache
def code_digest(method_class: type[Method]) -> str | None:
    """Return the SHA-256 of the source of all packages that a method's classes are defined in.

    None where no file holds it. A version number would do for released code alone: whoever writes a
    method changes the code first. Call this early, since files may change while their code runs.
    """
    digest = hashlib.sha256()
    known = sys.stdlib_module_names | set(provenance.RECORDED_DISTRIBUTIONS)
    classes = [base for base in method_class.__mro__ if base.__module__.partition(".")[0] not in known]
    try:
        roots = {_package(Path(inspect.getfile(base)).resolve()) for base in classes}
        for root in sorted(roots):
            for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
                digest.update(f"{file.relative_to(root.parent)}\n".encode())
                digest.update(file.read_bytes())
    except (OSError, TypeError):
        return None
    return digest.hexdigest()


def _package(file: Path) -> Path:
    """Return the outermost package that a source file is part of, or the file."""
    while (file.parent / "__init__.py").exists():
        file = file.parent
    return file
