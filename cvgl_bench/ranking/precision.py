"""Matrix products in a fast type, with a bound on how far each may lie from the true product."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.ranking.scores import float64_bound

Precision = Literal["auto", "float32", "bfloat16", "float16"]

ROUNDING = {
    torch.float64: 2.0**-53,
    torch.float32: 2.0**-24,
    # Tensor cores truncate where others round (Fasi, Higham, Mikaitis, Pranesh 2021, section 4): a
    # factor of four on the rounding of a float32 sum covers both.
    torch.bfloat16: 2.0**-22,
    torch.float16: 2.0**-22,
}
"""Relative rounding of one addition while a product of this type is accumulated."""

ALIGNED = 16
"""Dimensions that fill a line of a processor's cache; a part of a product starts with one."""

SLACK = 1.01
"""Covers the rounding of the bound itself."""

WORTHWHILE = 1.5
"""How many times faster than float32 a type must be to be worth the second look at close calls."""

FLOAT16_HANDICAP = 0.9
"""In float16's favour, as it is eight times finer than bfloat16."""

TRIALS = 5

TRIAL_SHAPES = {"cpu": (128, 512, 512), "cuda": (4096, 8192, 1024)}
"""Queries, references and dimensions of the product that a type is measured on: milliseconds of work."""


@dataclass(frozen=True, eq=False)
class Operand:
    """Rows cast to the type of a product, with what the cast lost.

    values: (N, D). lengths: float64 (N,), lengths of the rows. lost: float64 (N,), lengths of
    what the cast left out; both at least the true ones.
    """

    values: Tensor
    lengths: Tensor
    lost: Tensor


def cast(rows: Tensor, dtype: torch.dtype) -> Operand:
    """Cast float32 or float64 rows (N, D) to `dtype`, measuring what is lost."""
    values = rows.to(dtype)
    lengths = _lengths(rows)
    lost = torch.zeros_like(lengths) if values.dtype == rows.dtype else _lengths(rows - values.to(rows.dtype))
    return Operand(values, lengths, lost)


def _lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1).double() * SLACK


def split_product(queries: Tensor, references: Tensor, splits: int, *, out: Tensor) -> Tensor:
    """Return queries (A, D) times references (B, D) transposed, added up in `splits` parts of D."""
    width = _split_width(queries.shape[1], splits)
    torch.mm(queries[:, :width], references[:, :width].T, out=out)
    for start in range(width, queries.shape[1], width):
        part = slice(start, start + width)
        out.addmm_(queries[:, part], references[:, part].T)
    return out


def _split_width(dimensions: int, splits: int) -> int:
    width = -(-dimensions // splits)
    return width if splits == 1 else -(-width // ALIGNED) * ALIGNED


def product_bound(queries: Operand, references: Operand, splits: int = 1) -> Tensor:
    """Return float64 (A,): how far a score of each query may lie from the product of the uncast rows.

    The casts, by the Cauchy-Schwarz inequality, and the accumulation in any order within a split
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). The rounding of
    the stored score is not in it: rounding is monotone, so thresholds are rounded alike instead.
    """
    additions = _split_width(queries.values.shape[1], splits) + splits
    total = additions * ROUNDING[queries.values.dtype]
    longest, lost = references.lengths.max(), references.lost.max()
    accumulation = total / (1 - total) * (queries.lengths + queries.lost) * (longest + lost)
    casts = queries.lost * longest + (queries.lengths + queries.lost) * lost
    return SLACK * (accumulation + casts)


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
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    if dtype is None:
        raise OptionError(f"Precision '{precision}' is unknown. Choose auto, float32, bfloat16 or float16.")
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
    left, right = cast(rows[:queries], dtype), cast(rows[queries:], dtype)
    threads = torch.get_num_threads()
    with exact_products():
        scores = left.values @ right.values.T
        torch.set_num_threads(1)
        try:
            taken_s = min(_seconds(left.values, right.values) for _ in range(TRIALS))
        finally:
            torch.set_num_threads(threads)
    true = rows[:queries].double() @ rows[queries:].double().T
    bound = product_bound(left, right)[:, None] + float64_bound(dimensions)
    sound = ((true - bound).to(dtype) <= scores) & (scores <= (true + bound).to(dtype))
    return taken_s, bool(sound.all())


def _seconds(left: Tensor, right: Tensor) -> float:
    start = time.perf_counter()
    (left @ right.T)[0, 0].item()
    return time.perf_counter() - start
