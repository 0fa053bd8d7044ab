"""Exact ranks and best references of embeddings, in blocks, at the speed of a fast matrix product.

Scores are computed in a fast type. Where its rounding leaves open how a reference compares with the
truth, or whether it is among the best, the reference is scored again, exactly (`exact.pair_scores`);
where too much is left open, the tile is computed again in a finer type. So the answer is the same,
integer for integer, whatever the type, the block or the device.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.foundation.errors import EmbeddingError, OptionError
from cvgl_bench.foundation.parts import slices
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.foundation.threads import side_by_side, workers
from cvgl_bench.foundation.torch_settings import exact_products
from cvgl_bench.ranking.outcome import Ranking
from cvgl_bench.ranking.precision import Precision, resolve
from cvgl_bench.ranking.query_block import QueryBlock
from cvgl_bench.ranking.rows import Embeddings, Rows, require_same_dimensions

CPU = torch.device("cpu")

BLOCK = {"cpu": (2560, 1024), "cuda": (8192, 32768)}
"""Queries and references of a tile: its scores stay in a processor's cache, or fill a GPU."""

FIRST_BLOCK = 1 / 4
"""Size of the first block of references to the others': what it shows of a look's worth and of the best
saves work on all of them."""


def rank(
    query_embeddings: Embeddings,
    reference_embeddings: Embeddings,
    truth: ArrayLike,
    covers: ArrayLike,
    *,
    top: int = 10,
    block: tuple[int, int] | None = None,
    precision: Precision = "auto",
    device: torch.device | None = None,
    normalise: bool = True,
    progress: Progress | None = None,
) -> Ranking:
    """Rank the references of every query by the float32 dot product of unit embeddings, exactly.

    query_embeddings: (Q, D); reference_embeddings: (R, D): numpy arrays, memory-mapped or not, or
        tensors. Rows whose length is not 1 are brought to it, or refused where `normalise` is False.
    truth: (Q,), the row of each query's reference. covers: (Q, K), rows left out of
        `rank_without_covers`, padded with -1; (Q, 0) where there are none.
    top: how many of the best references to return, at most R.
    block: queries and references of one tile; by default what suits the device.
    precision: the type of the first look; 'auto' measures once what the device does fastest.

    Only time and memory depend on block, precision and device, never the answer. Raises
    EmbeddingError for embeddings that cannot be ranked, OptionError for an option out of range.
    """
    device = CPU if device is None or device.type == "mps" else device  # mps has no float64
    queries = Rows(query_embeddings, "query", device=device, normalise=normalise)
    references = Rows(reference_embeddings, "reference", device=device, normalise=normalise)
    truth, covers = np.asarray(truth, np.int64), np.asarray(covers, np.int64)
    _require_fit(queries, references, truth, covers)
    lines, columns = block or BLOCK.get(device.type, BLOCK["cuda"])
    if min(top, lines, columns) < 1:
        raise OptionError(f"top is {top} and block {block}; all must be at least 1.")
    dtype, count, top = resolve(precision, device), workers(device), min(top, len(references))
    edges = [0, *range(max(int(columns * FIRST_BLOCK), 1), len(references), columns), len(references)]

    @torch.inference_mode()
    def meet_all(part: slice, advance: Callable[[int], None]) -> tuple[NDArray[Any], ...]:
        own, near = (torch.from_numpy(rows[part]).to(device) for rows in (truth, covers))
        here = QueryBlock(queries.take(part), own, near, references=references, top=top, dtype=dtype)
        for start, stop in pairwise(edges):
            here.meet(references.take(slice(start, stop)), start)
            advance(stop - start)
        return tuple(column.numpy(force=True) for column in here.finish())

    rounds = -(-len(queries) // (lines * count))
    parts = list(slices(len(queries), -(-len(queries) // (rounds * count))))  # alike for all workers
    progress = progress or Silent()
    progress.set_total(len(parts) * len(references))
    with exact_products():
        ranked = side_by_side(meet_all, parts, count, progress)
    return Ranking(*(np.concatenate(column) for column in zip(*ranked, strict=True)))


def _require_fit(
    queries: Rows, references: Rows, truth: NDArray[np.int64], covers: NDArray[np.int64]
) -> None:
    require_same_dimensions(queries, references)
    if truth.shape != (len(queries),) or covers.ndim != 2 or len(covers) != len(queries):
        raise EmbeddingError(
            f"There are {len(queries)} query embeddings, but truth has shape {truth.shape} and covers "
            f"{covers.shape}. Give one row a query, in the order of the split."
        )
    for name, rows, least in (("truth", truth, 0), ("covers", covers, -1)):
        outside = (rows < least) | (rows >= len(references))
        if outside.any():
            place = np.argwhere(outside)[0]
            raise EmbeddingError(
                f"{name} names reference {rows[tuple(place)]} for query {place[0]}, but there are "
                f"{len(references)} reference embeddings. Give one for each reference of the split."
            )
