"""Pairs of rows that share no dimension: their score is 0, which no rounded product can be sure of."""

from __future__ import annotations

import torch
from torch import Tensor


def support(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (N, D) in `dtype`: 1 where a row is other than zero."""
    return (rows != 0).to(dtype)


def apart(queries: Tensor, references: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return bool (A, B), where the supports of a query (A, D) and a reference (B, D) share no dimension.

    The shared ones are counted by a product: however it rounds, one is never none. out: (A, B) of the
    supports' type, overwritten.
    """
    return torch.mm(queries, references.T, out=out) == 0


def first_of_each_line(mask: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return lines and columns of the first `most` true entries of each line of a mask (A, B), by line."""
    places = (mask & (mask.cumsum(dim=1, dtype=torch.int32) <= most)).nonzero()
    return places[:, 0], places[:, 1]
