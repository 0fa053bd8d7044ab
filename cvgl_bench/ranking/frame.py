"""The origin that products of embeddings are taken about, chosen to keep their rounding small.

Embeddings that share most of their length, as those of an untrained network do, differ in scores by
less than float32 products of them are sure of. With centres c of the queries and d of the references

    q . r = (q - c) . (r - d) + c . (r - d) + q . d

the first term has the rounding of what is left of q and r, the second is one number a reference,
appended to its row, and the third one number a query, the `shift`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cvgl_bench.ranking.precision import ROUNDING, Operand, cast
from cvgl_bench.ranking.rows import Rows, spread

SAMPLE_ROWS = 1024
"""Rows whose mean stands for the mean of all."""

SHARED = 0.75
"""Centres are taken off where the product of what is left of the squared lengths is under 1 - SHARED."""

TERMS = 3
"""Columns the number of a reference is split over, so that a 16-bit float keeps all of it."""

FURTHER_COLUMNS = 8
"""Columns appended to a row: TERMS, and zeros to keep rows aligned."""

PART_ROWS = 128
"""Rows taken to float64 at a time: what stays in a processor's cache."""

LEAST_SCALE = 2.0**-12


@dataclass(frozen=True, eq=False)
class Frame:
    """query_centre, reference_centre: float32 (D,). scale: what balances the appended columns."""

    query_centre: Tensor
    reference_centre: Tensor
    scale: float

    def shift(self, queries: Tensor) -> Tensor:
        """Return float64 (A,), what is to be added to all scores of a query."""
        return queries.double() @ self.reference_centre.double()

    def queries(self, rows: Tensor, dtype: torch.dtype) -> Operand:
        """Return query rows about their centre, in the type of a product."""
        extended = _extended(rows, self.query_centre, dtype)
        extended[:, rows.shape[1] : rows.shape[1] + TERMS] = self.scale
        return _with_rounding(cast(extended, dtype), extended.dtype)

    def references(self, rows: Tensor, dtype: torch.dtype) -> Operand:
        """Return reference rows about their centre, in the type of a product."""
        centre = self.query_centre.double()
        parts = [part.double() @ centre for part in rows.split(PART_ROWS)]
        rest = (torch.cat(parts) - self.reference_centre.double() @ centre) / self.scale
        extended = _extended(rows, self.reference_centre, dtype)
        for column in range(rows.shape[1], rows.shape[1] + TERMS):
            term = rest.to(dtype)
            extended[:, column] = term
            rest = rest - term.double()
        operand = _with_rounding(cast(extended, dtype), extended.dtype)
        return Operand(operand.values, operand.lengths, operand.lost + rest.abs())


@dataclass(frozen=True)
class Origin:
    """The frame of embeddings that spread around the origin: nothing is taken off."""

    def shift(self, queries: Tensor) -> Tensor:
        return queries.new_zeros(len(queries), dtype=torch.float64)

    def queries(self, rows: Tensor, dtype: torch.dtype) -> Operand:
        return cast(rows.double() if dtype == torch.float64 else rows, dtype)

    references = queries


def frame_of(queries: Rows, references: Rows) -> Frame | Origin:
    """Choose the frame by a sample of either side."""
    query_rows, reference_rows = (_sample(rows).double() for rows in (queries, references))
    query_centre, reference_centre = query_rows.mean(dim=0), reference_rows.mean(dim=0)
    left = (1 - query_centre.square().sum()) * (1 - reference_centre.square().sum())
    if left > 1 - SHARED:
        return Origin()
    query_length, reference_length = (
        torch.linalg.vector_norm(rows - centre, dim=1).mean()
        for rows, centre in ((query_rows, query_centre), (reference_rows, reference_centre))
    )
    further = ((reference_rows - reference_centre) @ query_centre).abs().mean()
    scale = float((query_length * further / reference_length.clamp(min=LEAST_SCALE)).sqrt())
    scale = 2.0 ** round(np.log2(max(scale, LEAST_SCALE)))
    return Frame(query_centre.float(), reference_centre.float(), scale)


def _sample(rows: Rows) -> Tensor:
    return rows.take(spread(len(rows), SAMPLE_ROWS))


def _extended(rows: Tensor, centre: Tensor, dtype: torch.dtype) -> Tensor:
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    shape = len(rows), rows.shape[1] + FURTHER_COLUMNS
    extended = torch.empty(shape, dtype=wide, device=rows.device)
    torch.sub(rows, centre.to(wide), out=extended[:, : rows.shape[1]])
    extended[:, rows.shape[1] :] = 0
    return extended


def _with_rounding(operand: Operand, wide: torch.dtype) -> Operand:
    """Count what the subtraction of the centre rounded as lost, too."""
    return Operand(operand.values, operand.lengths, operand.lost + ROUNDING[wide] * operand.lengths)
