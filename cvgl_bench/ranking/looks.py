"""The fast look at scores: a matrix product in a fast type, and how far it may lie from the scores."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cvgl_bench.ranking.exact import float64_bound

UNIT_ROUNDOFF = {
    torch.float64: 2.0**-53,
    torch.float32: 2.0**-24,
    # Tensor cores truncate where others round (Fasi, Higham, Mikaitis, Pranesh 2021, section 4): a
    # factor of four on the rounding of a float32 sum covers both.
    torch.bfloat16: 2.0**-22,
    torch.float16: 2.0**-22,
}
"""Relative rounding of one addition while a product of this type is accumulated."""

DEPTH, LINES = 256, 640
"""Dimensions that a float32 product sums at a time, as fewer additions one upon the other round less, and
queries whose steps are added while they are still in a processor's cache."""

SLACK = 1.01
"""Covers the rounding of the bound itself, and lengths that are 1 but for `rows.UNIT_TOLERANCE`."""


class Operand(NamedTuple):
    """Unit rows (N, D) in the type of a product, and float64 (), at least what the cast took off any row."""

    values: Tensor
    lost: Tensor


def operand(rows: Tensor, dtype: torch.dtype) -> Operand:
    """Prepare unit rows float32 (N, D)."""
    values = rows.to(dtype)
    if dtype.itemsize >= rows.dtype.itemsize:
        return Operand(values, rows.new_zeros((), dtype=torch.float64))
    lost = torch.linalg.vector_norm(rows - values.to(rows.dtype), dim=1)
    return Operand(values, lost.max().double() * SLACK)


def product(queries: Tensor, references: Tensor, depth: int | None = None) -> Tensor:
    """Return queries (A, D) times references (B, D) transposed, in steps of `depth` dimensions."""
    depth = depth or queries.shape[1]
    if depth >= queries.shape[1]:
        return torch.mm(queries, references.T)
    scores = queries.new_empty(len(queries), len(references))
    for lines, out in zip(torch.split(queries, LINES), torch.split(scores, LINES), strict=True):
        torch.mm(lines[:, :depth], references[:, :depth].T, out=out)
        for start in range(depth, queries.shape[1], depth):
            part = slice(start, start + depth)
            out += torch.mm(lines[:, part], references[:, part].T)  # addmm may add in another order
    return scores


def look(queries: Operand, references: Operand, *, depth: int | None = None) -> tuple[Tensor, Tensor]:
    """Return scores (A, B), and float64 (), how far they may lie from the exact ones.

    A sum of n products in any order is off by at most gamma_n |q| |r|, gamma_n = n u / (1 - n u), u the
    unit roundoff (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1, with the
    Cauchy-Schwarz inequality). A product takes part in `depth` roundings within its step and one for each
    further step. A cast to 16 bits loses (q - q') . r + q' . (r - r'), again by Cauchy-Schwarz; the product
    is then rounded to nearest as it is stored, or lost below the least normal number. Twice the bound of
    float64 sums covers the score's own (`exact`), arithmetic with the bound, and underflow in float32.
    """
    dtype, dimensions = queries.values.dtype, queries.values.shape[1]
    scores = product(queries.values, references.values, depth).to(torch.promote_types(dtype, torch.float32))
    depth = min(depth or dimensions, dimensions)
    rounding = (depth + -(-dimensions // depth) - 1) * UNIT_ROUNDOFF[dtype]
    size = (1 + queries.lost) * (1 + references.lost)  # of q' and r'
    bound = rounding / (1 - rounding) * size + (size - 1)
    if dtype.itemsize == 2:
        bound += torch.finfo(dtype).eps / 2 * size + torch.finfo(dtype).tiny
    return scores, SLACK * bound + 2 * float64_bound(dimensions)


def compare(scores: Tensor, limits: Tensor, *, beyond: bool = False) -> Tensor:
    """Return bool (A, B), where scores reach their line's limit float64 (A,), or lie beyond it.

    The limit is rounded to the scores' type. Rounding is monotone: none that reaches the limit is left
    out, and none that does not lie beyond it is taken. On a CPU numpy is faster, here and below.
    """
    limits = limits.to(scores.dtype)[:, None]
    if scores.device.type != "cpu":
        return scores > limits if beyond else scores >= limits
    return torch.from_numpy((np.greater if beyond else np.greater_equal)(scores.numpy(), limits.numpy()))


def count(mask: Tensor) -> Tensor:
    """Return int64 (A,), the true entries of each line of bool (A, B)."""
    if mask.device.type != "cpu":
        return torch.count_nonzero(mask, dim=1)
    return torch.from_numpy(mask.numpy().view(np.uint8).sum(axis=1, dtype=np.int32)).long()


def places(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return lines and columns, int64 (N,), of the true entries, by line."""
    flat = mask.reshape(-1)  # a mask of covers lies as theirs do, column by column where pandas held them
    on_cpu = flat.device.type == "cpu"
    true = torch.from_numpy(np.flatnonzero(flat.numpy())) if on_cpu else flat.nonzero()[:, 0]
    return true // mask.shape[1], true % mask.shape[1]
