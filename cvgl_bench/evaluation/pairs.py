"""Scores of pairs by a method that re-ranks: of every pair, or of each query with its candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cvgl_bench.data.loading import view_loader
from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.parts import slices
from cvgl_bench.foundation.progress import Progress, progress
from cvgl_bench.method import PairMethod, View
from cvgl_bench.networks.answers import pair_scores
from cvgl_bench.networks.memory import SMALLER_ADVICE, enough_memory
from cvgl_bench.views.images import Decode

QUERY_BYTES = 2**30
"""Prepared queries that are held in memory; the references are read once for each such part of them."""


@dataclass(frozen=True)
class Scorer:
    """A method that scores pairs, its network on the device, and how images come to it."""

    method: PairMethod
    network: nn.Module
    device: torch.device
    batch_size: int
    workers: int
    decode: Decode = "exact"

    def score(
        self, split: Split, candidates: NDArray[np.int64] | None = None, *, shown: bool = True
    ) -> NDArray[np.float32]:
        """Return scores (Q, R) of every query and reference, or (Q, K) with the references `candidates`.

        candidates: rows int64 (Q, K) of each query's own. shown: whether progress is.
        """
        self.network.eval()
        width = len(split.references) if candidates is None else candidates.shape[1]
        scores = np.empty((len(split), width), np.float32)
        _, first = next(replace(self, workers=0)._prepared(split, "query", np.arange(1)))
        with progress(scores.size, "score pairs", shown=shown) as bar, torch.inference_mode():
            for part in slices(len(split), max(self.batch_size, QUERY_BYTES // max(first.nbytes, 1))):
                asked = None if candidates is None else candidates[part]
                scores[part] = self._of_part(split, part, asked, bar)
        return scores

    def _of_part(
        self, split: Split, part: slice, candidates: NDArray[np.int64] | None, bar: Progress
    ) -> NDArray[np.float32]:
        """Return scores of a part of the queries, each reference read once."""
        lines = np.arange(len(split))[part]
        queries = torch.cat([images for _, images in self._prepared(split, "query", lines)])
        if candidates is None:
            scores = np.empty((len(lines), len(split.references)), np.float32)
            for rows, images in self._prepared(split, "reference", np.arange(scores.shape[1])):
                scores[:, rows] = self._block(queries, images, _width_m(split, rows))
                bar.advance(len(lines) * len(rows))
            return scores
        order = np.argsort(candidates, axis=None, kind="stable")
        every, counts = np.unique(candidates, return_counts=True)
        places = iter(np.split(order, np.cumsum(counts)[:-1]))
        scores = np.empty(candidates.shape, np.float32)
        for rows, images in self._prepared(split, "reference", every):
            for row, image in zip(rows, images, strict=True):
                own = next(places)
                asked = queries[own // candidates.shape[1]]
                scores.flat[own] = self._block(asked, image[None], _width_m(split, row[None]))[:, 0]
                bar.advance(len(own))
        return scores

    def _block(self, queries: Tensor, references: Tensor, width_m: Tensor) -> NDArray[np.float32]:
        references, width_m = references.to(self.device), width_m.to(self.device)
        parts = []
        for part in torch.split(queries, self.batch_size):
            with enough_memory(f"{len(part)} queries and {len(references)} references", SMALLER_ADVICE):
                answer = self.method.rerank(self.network, part.to(self.device), references, width_m)
                answer = pair_scores(self.method, answer, queries=len(part), references=len(references))
                parts.append(answer.float().cpu().numpy())
        return np.concatenate(parts)

    def _prepared(
        self, split: Split, view: View, rows: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yield rows of a view and their images as the method prepares them, a batch at a time."""
        loader = view_loader(
            self.method,
            split,
            view=view,
            batch_size=self.batch_size,
            workers=self.workers,
            device=self.device,
            rows=rows.tolist(),
            decode=self.decode,
        )
        return zip((rows[part] for part in slices(len(rows), self.batch_size)), loader, strict=True)


def _width_m(split: Split, rows: NDArray[np.int64]) -> Tensor:
    tiles = split.references.iloc[rows]
    return torch.from_numpy((tiles["m_per_px"] * tiles["width_px"]).to_numpy(np.float32))
