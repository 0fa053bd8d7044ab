"""The fast look at scores: a matrix product in a fast type, and how far it may lie from the scores.

Embeddings that share most of their length, as those of an untrained network do, differ in scores by
less than a float32 product of them is sure of. With centres c of the queries and d of the references

    q . r = (q - c) . (r - d) + c . (r - d) + q . d

a product has the rounding of what is left of q and r alone; the second term is one number a reference,
the third one a query.
"""

from __future__ import annotations

from dataclasses import dataclass

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

DEPTH = 256
"""Dimensions that a float32 product sums at a time; fewer additions one upon the other round less."""

LINES = 640
"""Queries whose steps are added at a time, while they are still in a processor's cache."""

SLACK = 1.01
"""Covers the rounding of the bound itself and of the lengths in it."""

SHARED = 0.75
"""Centres are taken off where the product of what is left of the squared lengths is under 1 - SHARED."""


Centres = tuple[Tensor, Tensor] | tuple[None, None]
"""Of the queries and of the references; none where they are too short to matter."""


@dataclass(frozen=True, eq=False)
class Operand:
    """Rows about their centre, in the type of a product.

    values: (N, D). lengths, lost: float64 (N,), at least the lengths of the rows and of what the cast
    left out. term: (N,), a reference's product with the centre of the queries; None without centres.
    """

    values: Tensor
    lengths: Tensor
    lost: Tensor
    term: Tensor | None


def operand(
    rows: Tensor, dtype: torch.dtype, *, centre: Tensor | None = None, other: Tensor | None = None
) -> Operand:
    """Prepare unit rows float32 (N, D); centre, other: float32 (D,), of their and of the other side."""
    wide = torch.promote_types(dtype, torch.float32)
    rows = rows.to(wide) if centre is None else rows.to(wide) - centre.to(wide)
    values, lengths = rows.to(dtype), _lengths(rows)
    lost = torch.zeros_like(lengths) if dtype == wide else _lengths(rows - values.to(wide))
    term = None if other is None else (rows.double() @ other.double()).to(wide)
    return Operand(values, lengths, lost, term)


def _lengths(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1).double() * SLACK


def centres_of(queries: Tensor, references: Tensor) -> Centres:
    """Return the means float32 (D,) of unit rows of either side."""
    query_centre, reference_centre = (rows.double().mean(dim=0) for rows in (queries, references))
    if (1 - query_centre.square().sum()) * (1 - reference_centre.square().sum()) > 1 - SHARED:
        return None, None
    return query_centre.float(), reference_centre.float()


def product(queries: Tensor, references: Tensor, depth: int | None = None) -> Tensor:
    """Return queries (A, D) times references (B, D) transposed, in steps of `depth` dimensions."""
    depth = depth or queries.shape[1]
    if depth >= queries.shape[1]:
        return torch.mm(queries, references.T)
    scores = queries.new_empty(len(queries), len(references))
    for lines, out in zip(queries.split(LINES), scores.split(LINES), strict=True):
        torch.mm(lines[:, :depth], references[:, :depth].T, out=out)
        for start in range(depth, queries.shape[1], depth):
            part = slice(start, start + depth)
            out += torch.mm(lines[:, part], references[:, part].T)  # addmm may add in another order
    return scores


def look(queries: Operand, references: Operand, *, depth: int | None = None) -> tuple[Tensor, Tensor]:
    """Return scores (A, B) less q . d, and float64 (A,), how far those of a query may lie from exact ones.

    A sum of n products in any order is off by at most gamma_n |q| |r|, gamma_n = n u / (1 - n u), u the
    unit roundoff (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1, with the
    Cauchy-Schwarz inequality). A product takes part in `depth` roundings within its step and one for each
    further step; the centres off either side and the term added make three more. The term, of length
    |c| |r| with |c| <= 1, has three roundings: of r - d, its own, and of its addition. A cast to 16 bits
    loses (q - q') . r + q' . (r - r'), again by Cauchy-Schwarz; the product is then rounded to nearest as it
    is stored, or lost below the least normal number. Twice the bound of float64 sums covers those of the
    score (`exact`), the term and q . d, and underflow in float32, which is far below it.
    """
    dtype, dimensions = queries.values.dtype, queries.values.shape[1]
    scores = product(queries.values, references.values, depth).to(torch.promote_types(dtype, torch.float32))
    if references.term is not None:
        scores += references.term
    depth = min(depth or dimensions, dimensions)
    roundings = depth + -(-dimensions // depth) + 2
    gamma = roundings * UNIT_ROUNDOFF[dtype] / (1 - roundings * UNIT_ROUNDOFF[dtype])
    longest, lost = references.lengths.max(), references.lost.max()
    size = (queries.lengths + queries.lost) * (longest + lost)
    bound = gamma * size + queries.lost * longest + (queries.lengths + queries.lost) * lost
    bound += 3 * UNIT_ROUNDOFF[scores.dtype] * longest
    if dtype.itemsize == 2:
        bound += torch.finfo(dtype).eps / 2 * size + torch.finfo(dtype).tiny
    return scores, SLACK * bound + 2 * float64_bound(dimensions)


def compare(scores: Tensor, limits: Tensor, *, beyond: bool = False) -> Tensor:
    """Return bool (A, B), where scores reach their line's limit float64 (A,), or lie beyond it.

    The limit is rounded to the scores' type. Rounding is monotone: none that reaches the limit is left
    out, and none that does not lie beyond it is taken. numpy compares faster on a CPU.
    """
    limits = limits.to(scores.dtype)[:, None]
    if scores.device.type != "cpu":
        return scores > limits if beyond else scores >= limits
    return torch.from_numpy((np.greater if beyond else np.greater_equal)(scores.numpy(), limits.numpy()))


def count(mask: Tensor) -> Tensor:
    """Return int64 (A,), the true entries of each line; numpy counts faster on a CPU."""
    if mask.device.type != "cpu":
        return mask.sum(dim=1)
    return torch.from_numpy(np.count_nonzero(mask.numpy(), axis=1))


def places(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return lines and columns, int64 (N,), of the true entries, by line; numpy finds few faster on a CPU."""
    flat = mask.reshape(-1)  # a mask of covers lies as theirs do, column by column where pandas held them
    found = (
        torch.from_numpy(np.flatnonzero(flat.numpy())) if flat.device.type == "cpu" else flat.nonzero()[:, 0]
    )
    return found // mask.shape[1], found % mask.shape[1]
