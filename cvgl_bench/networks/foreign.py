"""State dicts as other programs save them: inside a training checkpoint, under prefixes of wrappers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.serialization import safe_globals

NESTED = (
    "state_dict",
    "model_state_dict",
    "model",
    "network",
    "net",
    "module",
    "weights",
    "model_state",
    "checkpoint",
)
"""Where a training checkpoint keeps its weights, the likeliest first."""
MOST_NESTED = 3

WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""
MEMBERS = ("model.", "network.", "net.")
"""What a training module that holds the network puts before its names."""

REFUSED_GLOBAL = re.compile(r"GLOBAL\s+([\w.]+)")


def plain_records() -> Any:
    """Return a context in which torch reads numbers and options beside weights; none of these run code."""
    kinds = [
        getattr(np.dtypes, f"{name}DType")
        for name in ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    ]
    kinds += [getattr(np.dtypes, f"Float{bits}DType") for bits in (16, 32, 64)]
    # What pickles call to build a scalar and an array; numpy's types leave open what a reduction holds.
    scalar: Any = np.float64(0).__reduce__()[0]
    rebuilt: Any = np.zeros(0).__reduce__()[0]
    # Under the names of NumPy 1 and 2 alike.
    places = ("numpy.core.multiarray", "numpy._core.multiarray")
    named: list[Any] = [
        (thing, f"{place}.{thing.__name__}") for thing in (scalar, rebuilt) for place in places
    ]
    return safe_globals([*kinds, *named, np.dtype, np.ndarray, argparse.Namespace])


def refused_type(error: Exception) -> str:
    """Return what torch refused to build when it read a file, or an empty string."""
    found = REFUSED_GLOBAL.search(str(error))
    return found.group(1) if found else ""


def unnested(state: Any) -> tuple[dict[str, Tensor] | None, str]:
    """Return the state dict in what a file holds, or None, and the keys that lead to it, joined by dots."""
    path: list[str] = []
    for _ in range(MOST_NESTED + 1):
        if _is_state_dict(state):
            return dict(state), ".".join(path)
        if not isinstance(state, Mapping):
            break
        inner = [name for name in NESTED if isinstance(state.get(name), Mapping)]
        if not inner:
            break
        path.append(inner[0])
        state = state[inner[0]]
    return None, ""


def _is_state_dict(state: Any) -> bool:
    return (
        isinstance(state, Mapping)
        and len(state) > 0
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items())
    )


def without_prefix(
    state: Mapping[str, Tensor], own: Iterable[str], prefixes: Iterable[str]
) -> tuple[Mapping[str, Tensor], str]:
    """Return a state dict without prefixes that all its names have and none of the network's, and these."""
    own, removed, prefixes = list(own), "", tuple(prefixes)
    while state:
        found = [
            prefix
            for prefix in prefixes
            if all(name.startswith(prefix) for name in state)
            and not any(name.startswith(prefix) for name in own)
        ]
        if not found:
            break
        state = {name.removeprefix(found[0]): tensor for name, tensor in state.items()}
        removed += found[0]
    return state, removed
