"""The type of the first look at scores, and how a device keeps to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.ranking.looks import look, operand, product

Precision = Literal["auto", "float32", "bfloat16", "float16"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

WORTHWHILE = 1.5
"""How many times faster than float32 a type must be to be worth the second look at close calls."""

FLOAT16_HANDICAP = 0.9
"""In float16's favour, as it is eight times finer than bfloat16."""

TRIALS = 5

TRIAL_SHAPES = {"cpu": (128, 512, 512), "cuda": (4096, 8192, 1024)}
"""Queries, references and dimensions of the product that a type is measured on: milliseconds of work."""


@contextmanager
def exact_products() -> Iterator[None]:
    """Let no product be computed in a type coarser than asked for (TF32, reduced accumulation)."""
    cuda = torch.backends.cuda.matmul
    names = ["allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction"]
    names += [name for name in ("allow_fp16_accumulation",) if hasattr(cuda, name)]
    before = {name: getattr(cuda, name) for name in names}
    float32_before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("highest")
        for name in names:
            setattr(cuda, name, False)
        yield
    finally:
        torch.set_float32_matmul_precision(float32_before)
        for name, value in before.items():
            setattr(cuda, name, value)


def resolve(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type to compute scores in; 'auto' takes what this device does fastest.

    Raises OptionError for an unknown name, or a type whose products on this device break the bound.
    """
    if precision == "auto":
        return _fastest(device)
    if precision not in DTYPES:
        raise OptionError(f"Precision '{precision}' is unknown. Choose auto, {', '.join(DTYPES)}.")
    dtype = DTYPES[precision]
    if dtype != torch.float32 and not _trial(device, dtype)[1]:
        raise OptionError(f"Products in {precision} are not reliable on {device}. Choose float32.")
    return dtype


@lru_cache
def _fastest(device: torch.device) -> torch.dtype:
    float32_s, _ = _trial(device, torch.float32)
    best, best_s = torch.float32, float32_s / WORTHWHILE
    for dtype, handicap in ((torch.bfloat16, 1.0), (torch.float16, FLOAT16_HANDICAP)):
        taken_s, sound = _trial(device, dtype)
        if sound and taken_s * handicap < best_s:
            best, best_s = dtype, taken_s
    return best


@lru_cache
def _trial(device: torch.device, dtype: torch.dtype) -> tuple[float, bool]:
    """Return the seconds a product of this type takes on one thread, and whether it kept to the bound.

    One thread, because on a busy machine threads that wait for each other say more about the others.
    """
    queries, references, dimensions = TRIAL_SHAPES.get(device.type, TRIAL_SHAPES["cuda"])
    rows = torch.randn(queries + references, dimensions, generator=torch.Generator().manual_seed(0))
    rows = torch.nn.functional.normalize(rows).to(device)
    left, right = (operand(side, dtype) for side in (rows[:queries], rows[queries:]))
    threads = torch.get_num_threads()
    with exact_products():
        scores, bound = look(left, right)
        torch.set_num_threads(1)
        try:
            taken_s = min(_seconds(left.values, right.values) for _ in range(TRIALS))
        finally:
            torch.set_num_threads(threads)
    error = (scores - rows[:queries].double() @ rows[queries:].double().T).abs()
    return taken_s, bool((error <= bound[:, None]).all())


def _seconds(left: Tensor, right: Tensor) -> float:
    start = time.perf_counter()
    product(left, right)[0, 0].item()
    return time.perf_counter() - start
