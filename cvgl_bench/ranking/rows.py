"""Embeddings of one side, checked once and read in blocks of unit rows, from memory or from disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvgl_bench.foundation.errors import EmbeddingError
from cvgl_bench.ranking.exact import sum_by_halves

Side = Literal["query", "reference"]
Embeddings = NDArray[np.floating] | Tensor

UNIT_TOLERANCE = 2e-5
"""A row whose squared length is this close to 1 was normalised in float32 and is taken as it is."""

CHECK_ROWS = 1024

NAMED_ROWS = 5
"""How many offending rows an error names."""


class Rows:
    """Embeddings (N, D) as unit float32 rows, read on demand.

    Reads all rows once on construction. Raises EmbeddingError where they are not a table of numbers,
    not finite, zero, or not of unit length and not to be normalised.
    """

    def __init__(self, embeddings: Embeddings, side: Side, *, device: torch.device, normalise: bool) -> None:
        self._source = embeddings if isinstance(embeddings, Tensor) else np.asanyarray(embeddings)
        self._side, self.device = side, device
        self._require_table()
        lengths = self._lengths()
        off = np.abs(lengths**2 - 1) > UNIT_TOLERANCE
        if off.any() and not normalise:
            raise self._error(off, "not of unit length", "Normalise them, or allow it with `normalise`.")
        self._lengths_by_row = np.where(off, lengths, 1.0) if off.any() else None

    def __len__(self) -> int:
        return self._source.shape[0]

    @property
    def dimensions(self) -> int:
        return self._source.shape[1]

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
        return part.detach().to(torch.float32)

    def _lengths(self) -> NDArray[np.float64]:
        """Return the length of each row, 1 where it need not be known better."""
        lengths = np.ones(len(self))
        for part in slices(len(self), CHECK_ROWS):
            rows = self._read(part)
            near = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).square() - 1
            unsure = (~(near.abs() < UNIT_TOLERANCE / 2)).nonzero()[:, 0].numpy(force=True)
            if len(unsure):
                squares = rows[unsure].numpy(force=True).astype(np.float64) ** 2
                lengths[part.start + unsure] = np.sqrt(sum_by_halves(squares))
        bad = ~np.isfinite(lengths)
        if bad.any():
            raise self._error(bad, "NaN or infinite", "Look for a diverged training or a failed image.")
        if (lengths == 0).any():
            raise self._error(lengths == 0, "zero and have no direction", "Check the method that made them.")
        return lengths

    def _require_table(self) -> None:
        shape = tuple(self._source.shape)
        floating = (
            self._source.is_floating_point()
            if isinstance(self._source, Tensor)
            else np.issubdtype(self._source.dtype, np.floating)
        )
        if len(shape) != 2 or 0 in shape or not floating:
            raise EmbeddingError(
                f"The {self._side} embeddings have shape {shape} and type {self._source.dtype}. "
                "Give a table of floating-point numbers, one row an image."
            )

    def _error(self, bad: NDArray[np.bool_], what: str, advice: str) -> EmbeddingError:
        rows = np.flatnonzero(bad)
        named = ", ".join(map(str, rows[:NAMED_ROWS])) + (", ..." if len(rows) > NAMED_ROWS else "")
        return EmbeddingError(
            f"{len(rows)} of {len(self)} {self._side} embeddings are {what} (rows {named}). {advice}"
        )


def require_same_dimensions(queries: Rows, references: Rows) -> None:
    """Raise EmbeddingError where the two sides cannot be compared."""
    if queries.dimensions != references.dimensions:
        raise EmbeddingError(
            f"Query embeddings have {queries.dimensions} dimensions, reference embeddings "
            f"{references.dimensions}. Embed both with the same network."
        )


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield `count` rows in slices of at most `size`."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` of `count` rows, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
