"""Embeddings of one side, checked once and read in blocks of unit rows, from memory or from disk."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvgl_bench.foundation.errors import EmbeddingError
from cvgl_bench.foundation.parts import slices
from cvgl_bench.ranking.exact import sum_by_halves

Side = Literal["query", "reference"]
Embeddings = NDArray[np.floating] | Tensor

UNIT_TOLERANCE = 2e-5
"""A row whose squared length is this close to 1 was normalised in float32 and is taken as it is."""

CHECK_ROWS, NAMED_ROWS = 1024, 5
"""Rows checked at a time, and how many offending ones an error names."""


class Rows:
    """Embeddings (N, D) as unit float32 rows, read on demand.

    Reads all rows once on construction. Raises EmbeddingError where they are not a table of numbers,
    not finite, zero, or not of unit length and not to be normalised.
    """

    def __init__(self, embeddings: Embeddings, side: Side, *, device: torch.device, normalise: bool) -> None:
        source = embeddings if isinstance(embeddings, Tensor) else np.asanyarray(embeddings)
        floating = source.dtype.is_floating_point if isinstance(source, Tensor) else source.dtype.kind == "f"
        if len(source.shape) != 2 or 0 in source.shape or not floating:
            raise EmbeddingError(
                f"The {side} embeddings have shape {tuple(source.shape)} and type {source.dtype}. "
                "Give a table of floating-point numbers, one row an image."
            )
        self._source, self.device, self.dimensions = source, device, source.shape[1]
        lengths = self._lengths()
        off = np.abs(lengths**2 - 1) > UNIT_TOLERANCE
        for bad, what, advice in (
            (~np.isfinite(lengths), "NaN or infinite", "Look for a diverged training or a failed image."),
            (lengths == 0, "zero and have no direction", "Check the method that made them."),
            (off & (not normalise), "not of unit length", "Normalise them, or allow it with `normalise`."),
        ):
            rows = np.flatnonzero(bad)
            if len(rows):
                named = ", ".join(map(str, rows[:NAMED_ROWS])) + (", ..." if len(rows) > NAMED_ROWS else "")
                raise EmbeddingError(
                    f"{len(rows)} of {len(self)} {side} embeddings are {what} (rows {named}). {advice}"
                )
        self._lengths_by_row = np.where(off, lengths, 1.0) if off.any() else None

    def __len__(self) -> int:
        return self._source.shape[0]

    def take(self, rows: slice | NDArray[np.int64]) -> Tensor:
        """Return unit float32 rows on the device; a view of what was given where that is possible."""
        block = self._read(rows).to(self.device)
        if self._lengths_by_row is None:
            return block
        lengths = torch.from_numpy(self._lengths_by_row[rows]).to(self.device)
        return torch.div(block, lengths[:, None], out=torch.empty_like(block))

    def _read(self, rows: slice | NDArray[np.int64]) -> Tensor:
        part = self._source[rows]
        if isinstance(part, np.ndarray):
            shareable = part.dtype == np.float32 and part.flags.writeable and part.flags.c_contiguous
            with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
                part = torch.from_numpy(part if shareable else np.array(part, np.float32))
        return part.detach().to(torch.float32).contiguous()

    def _lengths(self) -> NDArray[np.float64]:
        """Return the length of each row, 1 where it need not be known better."""
        lengths = np.ones(len(self))
        for part in slices(len(self), CHECK_ROWS):
            rows = self._read(part)
            near = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).square() - 1
            unsure = (~(near.abs() < UNIT_TOLERANCE / 2)).nonzero()[:, 0].numpy(force=True)
            if len(unsure):
                squares = rows[unsure].double().square()
                lengths[part.start + unsure] = sum_by_halves(squares).sqrt().numpy(force=True)
        return lengths


def require_same_dimensions(queries: Rows, references: Rows) -> None:
    """Raise EmbeddingError where the two sides cannot be compared."""
    if queries.dimensions != references.dimensions:
        raise EmbeddingError(
            f"Query embeddings have {queries.dimensions} dimensions, reference embeddings "
            f"{references.dimensions}. Embed both with the same network."
        )
