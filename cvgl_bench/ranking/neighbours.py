"""The nearest references of each query by faiss: for mining and previews, where order among ties is free.

`ranking.rank` is exact to the last tie; this is for what only needs similar references, quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.faiss_import import gpus, import_faiss
from cvgl_bench.foundation.parts import slices, spread
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.ranking.rows import Embeddings, Rows, require_same_dimensions

Index = Literal["flat", "ivf", "ivf-pq"]
"""flat compares with all references. ivf compares with those of the nearest cells of a partition.
ivf-pq keeps these as a code of a byte for each CODE_WIDTH dimensions: 1/32 of the memory."""

INDEXES: tuple[Index, ...] = get_args(Index)

REFERENCE_ROWS, QUERY_ROWS = 65536, 8192
"""Rows handed to faiss at a time, so that memory-mapped embeddings stay on disk."""

LEAST_REFERENCES = 10_000
"""With fewer references an index takes longer to train than to do without: they are all compared."""

CELL_REFERENCES, VISITED_SHARE, CODE_WIDTH = 64, 1 / 16, 8
"""References to a cell of the partition (faiss wants at least 39 to place a cell's centre), the share of
the cells that a query visits, and the dimensions that a byte of code stands for."""

TRAINING_REFERENCES, RECALL_QUERIES = 65536, 256
"""Rows that an approximate index is trained on, and those on which it is compared with the exact one."""

Part = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Scores and rows of the nearest references of a part of the queries."""


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
    faiss, cpu = import_faiss(), torch.device("cpu")
    queries = Rows(query_embeddings, "query", device=cpu, normalise=True)
    references = Rows(reference_embeddings, "reference", device=cpu, normalise=True)
    require_same_dimensions(queries, references)
    k, progress, recall = min(k, len(references)), progress or Silent(), 1.0
    search = exact = partial(_search_all, faiss, references, k)
    if len(references) < LEAST_REFERENCES:
        index = "flat"
    if index != "flat":
        search = partial(_search_index, _build(faiss, references, index), k)
    parts = []
    progress.set_total(len(queries))
    for part in slices(len(queries), QUERY_ROWS):
        parts.append(search(queries.take(part).numpy()))
        progress.advance(part.stop - part.start)
    scores, rows = map(np.concatenate, zip(*parts, strict=True))
    if index != "flat":
        asked = spread(len(queries), RECALL_QUERIES)
        pairs = zip(exact(queries.take(asked).numpy())[1], rows[asked], strict=True)
        recall = float(np.mean([np.isin(*pair).mean() for pair in pairs]))
    return Neighbours(rows, scores, index, recall)


def _search_all(faiss: Any, references: Rows, k: int, queries: NDArray[np.float32]) -> Part:
    knn = partial(faiss.knn_gpu, faiss.StandardGpuResources()) if gpus(faiss) else faiss.knn
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for block in slices(len(references), REFERENCE_ROWS):
        there = references.take(block).numpy()
        scores, rows = knn(queries, there, k=min(k, len(there)), metric=faiss.METRIC_INNER_PRODUCT)
        heap.add_result(scores, rows + block.start)
    heap.finalize()
    return heap.D, heap.I


def _build(faiss: Any, references: Rows, index: Index) -> Any:
    cells, dimensions = len(references) // CELL_REFERENCES, references.dimensions
    if index == "ivf-pq" and dimensions % CODE_WIDTH:
        raise OptionError(
            f"Index 'ivf-pq' needs a multiple of {CODE_WIDTH} dimensions, but the embeddings have "
            f"{dimensions}. Use 'ivf'."
        )
    # "np": without the polysemous codes that no search here uses, and that take 28 times the whole training.
    kept = "Flat" if index == "ivf" else f"PQ{dimensions // CODE_WIDTH}np"
    built = faiss.index_factory(dimensions, f"IVF{cells},{kept}", faiss.METRIC_INNER_PRODUCT)
    if index == "ivf" and gpus(faiss):  # a GPU takes at most 96 bytes of code a row
        built = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, built)
    built.nprobe = max(1, round(cells * VISITED_SHARE))
    built.train(references.take(spread(len(references), TRAINING_REFERENCES)).numpy())
    for block in slices(len(references), REFERENCE_ROWS):
        built.add(references.take(block).numpy())
    return built


def _search_index(built: Any, k: int, queries: NDArray[np.float32]) -> Part:
    """Search in more cells where those visited hold fewer than k references."""
    scores, rows = built.search(queries, k)
    while (rows < 0).any():
        built.nprobe = min(2 * built.nprobe, built.nlist)
        scores, rows = built.search(queries, k)
    return scores, rows
