"""Feeding images to a method: workers read and prepare, whatever their number the result is the same."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from cvgl_bench.images import ImageArray, read_image
from cvgl_bench.method import Method, Pair, TrainableMethod, View
from cvgl_bench.splits import Split


class SplitImages:
    """The images of a split by row, queries as its variant shows them."""

    def __init__(self, split: Split) -> None:
        self._root, self._variant = split.root, split.variant
        self._queries = split.queries[["path", "name"]].to_numpy(str)
        self._references = split.references["path"].to_numpy(str)

    def query(self, row: int) -> ImageArray:
        """Read the query of a row."""
        path, name = self._queries[row]
        return self._variant(read_image(self._root / path), str(name))

    def reference(self, row: int) -> ImageArray:
        """Read the reference of a row."""
        return read_image(self._root / self._references[row])


class ViewImages(Dataset):
    """The images of one view, prepared for the network, by row."""

    def __init__(self, method: Method, split: Split, view: View) -> None:
        self._count = len(split.queries if view == "query" else split.references)
        self._images, self._method, self._view = SplitImages(split), method, view

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> torch.Tensor:
        if not self._method.needs_images:
            return torch.empty(0)
        read = self._images.query if self._view == "query" else self._images.reference
        return self._method.prepare(read(row), self._view)


class TrainingPairs(Dataset):
    """Augmented training pairs by (epoch, row): each draws from a generator of its own."""

    def __init__(self, method: TrainableMethod, split: Split, *, seed: int) -> None:
        self._method, self._images, self._seed = method, SplitImages(split), seed
        self._truth = split.truth
        self._fraction = split.position_px / split.tile_size_px[:, ::-1]

    def __getitem__(self, epoch_and_row: tuple[int, int]) -> dict[str, torch.Tensor]:
        epoch, row = epoch_and_row
        query, reference = self._images.query(row), self._images.reference(self._truth[row])
        height, width = reference.shape[:2]
        x, y = self._fraction[row]
        pair = Pair(query, reference, (float(x * width), float(y * height)))
        return self._method.prepare_pair(pair, np.random.default_rng([self._seed, epoch, row]))


def view_loader(
    method: Method,
    split: Split,
    *,
    view: View,
    batch_size: int,
    workers: int,
    rows: Sequence[int] | None = None,
) -> DataLoader:
    """Return batches of one view's prepared images in row order, or in the order of `rows`."""
    images = ViewImages(method, split, view)
    chosen = torch.utils.data.Subset(images, rows) if rows is not None else images
    workers = workers if method.needs_images else 0
    return DataLoader(chosen, batch_size=batch_size, num_workers=workers, **_worker_settings(workers))


class EpochBatches:
    """A batch sampler that the loop refills before each epoch, so that workers stay alive."""

    def __init__(self) -> None:
        self._batches = np.empty((0, 0), np.int64)
        self._epoch = 0

    def fill(self, epoch: int, batches: NDArray[np.int64]) -> None:
        """Set the batches of an epoch: query rows, (batches, batch size)."""
        self._epoch, self._batches = epoch, batches

    def __iter__(self) -> Any:
        for batch in self._batches:
            yield [(self._epoch, int(row)) for row in batch]

    def __len__(self) -> int:
        return len(self._batches)


def pair_loader(
    method: TrainableMethod, split: Split, *, batches: EpochBatches, seed: int, workers: int
) -> DataLoader:
    """Return augmented training batches: dicts of stacked tensors, in the order `batches` gives."""
    pairs = TrainingPairs(method, split, seed=seed)
    settings = _worker_settings(workers) | ({"persistent_workers": True} if workers else {})
    return DataLoader(pairs, batch_sampler=batches, num_workers=workers, **settings)


def choose_workers(workers: int | None) -> int:
    """Return the number of worker processes: what was asked for, or one a core up to eight."""
    return min(multiprocessing.cpu_count(), 8) if workers is None else workers


def _worker_settings(workers: int) -> dict[str, Any]:
    return {"prefetch_factor": 4} if workers else {}
