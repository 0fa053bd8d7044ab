"""The nearest references of each query by faiss: for mining and previews, where order among ties is free.

`ranking.rank` is exact to the last tie; this is for what only needs similar references, quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import OptionError, UsageError
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.ranking.rows import Embeddings, Rows, require_same_dimensions, slices, spread

Index = Literal["flat", "ivf", "ivf-pq"]
"""flat compares with all references. ivf compares with those of the nearest cells of a partition.
ivf-pq keeps these as a code of a byte for each CODE_WIDTH dimensions: 1/32 of the memory."""

INDEXES: tuple[Index, ...] = ("flat", "ivf", "ivf-pq")

REFERENCE_ROWS, QUERY_ROWS = 65536, 8192
"""Rows handed to faiss at a time, so that memory-mapped embeddings stay on disk."""

LEAST_REFERENCES = 10_000
"""With fewer references an index takes longer to train than to do without: they are all compared."""

CELL_REFERENCES = 64
"""References to a cell of the partition; faiss wants at least 39 to place a cell's centre."""

VISITED_SHARE = 1 / 16
"""Share of the cells that a query visits."""

TRAINING_REFERENCES = 65536
CODE_WIDTH = 8
RECALL_QUERIES = 256
"""Queries on which an approximate index is compared with the exact neighbours."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest references, best first; the order of equal scores is free.

    rows: int64 (Q, k). scores: float32 (Q, k), dot products of unit rows; approximate for ivf-pq.
    index: what was searched. recall: share of the exact k nearest that were found, measured on
    RECALL_QUERIES queries; 1 where the search is exact.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    index: Index
    recall: float

    def __str__(self) -> str:
        found = "exact" if self.index == "flat" else f"{self.recall:.1%} of the exact neighbours found"
        return f"{self.rows.shape[1]} neighbours of {len(self.rows)} queries, index {self.index}: {found}"


def nearest(
    query_embeddings: Embeddings,
    reference_embeddings: Embeddings,
    k: int,
    *,
    index: Index = "flat",
    progress: Progress | None = None,
) -> Neighbours:
    """Return the k references most similar to each query; fewer where there are fewer references.

    query_embeddings: (Q, D); reference_embeddings: (R, D); rows are brought to unit length. The first
    GPU is used where faiss has one, but not for ivf-pq. Raises EmbeddingError for embeddings that cannot
    be compared, OptionError for an unknown index or k < 1, UsageError where faiss is not installed.
    """
    if index not in INDEXES or k < 1:
        raise OptionError(
            f"k is {k} and index '{index}'; k must be at least 1, index one of {', '.join(INDEXES)}."
        )
    faiss = _faiss()
    cpu = torch.device("cpu")
    queries = Rows(query_embeddings, "query", device=cpu, normalise=True)
    references = Rows(reference_embeddings, "reference", device=cpu, normalise=True)
    require_same_dimensions(queries, references)
    k, progress = min(k, len(references)), progress or Silent()
    progress.set_total(len(queries))
    if index == "flat" or len(references) < LEAST_REFERENCES:
        scores, rows = _exact(faiss, queries, references, k, progress)
        return Neighbours(rows, scores, "flat", 1.0)
    built = _build(faiss, references, index)
    parts = []
    for part in slices(len(queries), QUERY_ROWS):
        parts.append(_search(built, _array(queries, part), k))
        progress.advance(part.stop - part.start)
    scores, rows = map(np.concatenate, zip(*parts, strict=True))
    return Neighbours(rows, scores, index, _recall(faiss, queries, references, rows))


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise UsageError(
            "Finding nearest references needs faiss, which is not installed. Install cvgl-bench[cpu], or "
            "cvgl-bench[gpu] on a machine with an NVIDIA GPU."
        ) from None
    return faiss


def _exact(
    faiss: Any, queries: Rows, references: Rows, k: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    knn = partial(faiss.knn_gpu, faiss.StandardGpuResources()) if _gpus(faiss) else faiss.knn
    parts = []
    for part in slices(len(queries), QUERY_ROWS):
        here = _array(queries, part)
        heap = faiss.ResultHeap(len(here), k, keep_max=True)
        for block in slices(len(references), REFERENCE_ROWS):
            there = _array(references, block)
            scores, rows = knn(here, there, k=min(k, len(there)), metric=faiss.METRIC_INNER_PRODUCT)
            heap.add_result(scores, rows + block.start)
        heap.finalize()
        parts.append((heap.D, heap.I))
        progress.advance(len(here))
    scores, rows = map(np.concatenate, zip(*parts, strict=True))
    return scores, rows


def _build(faiss: Any, references: Rows, index: Index) -> Any:
    cells, dimensions = len(references) // CELL_REFERENCES, references.dimensions
    if index == "ivf-pq" and dimensions % CODE_WIDTH:
        raise OptionError(
            f"Index 'ivf-pq' needs a multiple of {CODE_WIDTH} dimensions, but the embeddings have "
            f"{dimensions}. Use 'ivf'."
        )
    kept = "Flat" if index == "ivf" else f"PQ{dimensions // CODE_WIDTH}"
    built = faiss.index_factory(dimensions, f"IVF{cells},{kept}", faiss.METRIC_INNER_PRODUCT)
    if index == "ivf" and _gpus(faiss):  # a GPU takes at most 96 bytes of code a row
        built = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, built)
    built.nprobe = max(1, round(cells * VISITED_SHARE))
    built.train(_array(references, spread(len(references), TRAINING_REFERENCES)))
    for block in slices(len(references), REFERENCE_ROWS):
        built.add(_array(references, block))
    return built


def _search(
    built: Any, queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Search the index, in more cells where those visited hold fewer than k references."""
    scores, rows = built.search(queries, k)
    while (rows < 0).any():
        built.nprobe = min(2 * built.nprobe, built.nlist)
        scores, rows = built.search(queries, k)
    return scores, rows


def _recall(faiss: Any, queries: Rows, references: Rows, rows: NDArray[np.int64]) -> float:
    asked = spread(len(queries), RECALL_QUERIES)
    sample = Rows(queries.take(asked), "query", device=torch.device("cpu"), normalise=True)
    _, exact = _exact(faiss, sample, references, rows.shape[1], Silent())
    found = [np.isin(true, got).mean() for true, got in zip(exact, rows[asked], strict=True)]
    return float(np.mean(found))


def _gpus(faiss: Any) -> int:
    return faiss.get_num_gpus() if hasattr(faiss, "StandardGpuResources") else 0


def _array(rows: Rows, part: slice | NDArray[np.int64]) -> NDArray[np.float32]:
    return np.ascontiguousarray(rows.take(part).numpy())
