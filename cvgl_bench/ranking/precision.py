"""The type of the first look at scores."""

from __future__ import annotations

import timeit
from functools import lru_cache
from typing import Literal, get_args

import torch

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.torch_settings import exact_products, torch_threads

Precision = Literal["auto", "float32", "bfloat16", "float16"]

WEIGHTS = {torch.float32: 1.0, torch.bfloat16: 1.5, torch.float16: 1.35}
"""What a second in a type counts: a coarse one must be worth the second look at close calls, of which
float16, eight times finer, has fewer."""

TRIALS, TRIAL_SHAPES = 5, {"cpu": (128, 512, 512), "cuda": (4096, 8192, 1024)}
"""How often a type is measured; queries, references and dimensions of the product: milliseconds of work."""


def resolve(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type of the first look; 'auto' takes what this device does fastest, measured once.

    Raises OptionError for an unknown name.
    """
    if precision == "auto":
        return _fastest(device)
    if precision not in get_args(Precision):
        raise OptionError(f"Precision '{precision}' is unknown. Choose {', '.join(get_args(Precision))}.")
    found: torch.dtype = getattr(torch, precision)
    return found


@lru_cache
def _fastest(device: torch.device) -> torch.dtype:
    return min(WEIGHTS, key=lambda dtype: WEIGHTS[dtype] * _product_s(device, dtype))


def _product_s(device: torch.device, dtype: torch.dtype) -> float:
    """Return the seconds that a product of this type takes on one thread, the least of TRIALS.

    One thread, because on a busy machine threads that wait for each other say more about the others.
    """
    queries, references, dimensions = TRIAL_SHAPES.get(device.type, TRIAL_SHAPES["cuda"])
    left, right = (torch.ones(rows, dimensions, dtype=dtype, device=device) for rows in (queries, references))
    with exact_products(), torch_threads(1):  # item() waits for a GPU
        return min(timeit.repeat(lambda: torch.mm(left, right.T)[0, 0].item(), number=1, repeat=TRIALS))
