"""Pairs of rows that share no dimension: their score is 0, which no rounded product can be sure of."""

from __future__ import annotations

import torch
from torch import Tensor


def apart(queries: Tensor, references: Tensor, dtype: torch.dtype, *, out: Tensor | None = None) -> Tensor:
    """Return bool (A, B), where no dimension is other than zero in a query (A, D) and a reference (B, D).

    The dimensions they share are counted by a product in `dtype`: however it rounds, one is never none.
    out: (A, B) of that type, overwritten.
    """
    return torch.mm((queries != 0).to(dtype), (references != 0).to(dtype).T, out=out) == 0


def first_of_each_line(mask: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return lines and columns of the first `most` true entries of each line of a mask (A, B), by line."""
    places = (mask & (mask.cumsum(dim=1, dtype=torch.int32) <= most)).nonzero()
    return places[:, 0], places[:, 1]
