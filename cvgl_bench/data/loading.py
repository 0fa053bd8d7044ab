"""Feeding images to a method: workers read and prepare, whatever their number the result is the same."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, default_collate

from cvgl_bench.data.splits import Split
from cvgl_bench.data.variants import PLAIN
from cvgl_bench.foundation.errors import CvglError, DataError, PluginError, in_one_line
from cvgl_bench.method import Locates, Method, Pair, TrainableMethod, View
from cvgl_bench.networks.answers import least_size, prepared_image, prepared_pair
from cvgl_bench.views.images import Decode, ImageArray, Size, read_image

VIEWS: tuple[View, View] = ("query", "reference")


class Loader:
    """Batches of a data set, read by worker processes; raises what reading an item raised there.

    torch's own loader would put the worker's traceback into the message.
    """

    def __init__(self, items: Dataset[Any], *, workers: int, device: torch.device, **settings: Any) -> None:
        if workers:
            settings["worker_init_fn"] = _leave_interrupts_to_the_run
        settings["pin_memory"] = device.type == "cuda"
        # A loader draws from torch's global generator, and how often depends on the number of workers,
        # unless it has a generator of its own; a network's dropout would differ with it.
        settings["generator"] = torch.Generator()
        self._loader = DataLoader(
            _Reported(items), num_workers=workers, collate_fn=_stack_or_report, **settings
        )

    def __iter__(self) -> Iterator[Any]:
        for batch in self._loader:
            if isinstance(batch, CvglError):
                raise batch
            yield batch


class _Reported(Dataset[Any]):
    """The items of a data set, and in place of one that cannot be read the error that says why."""

    def __init__(self, items: Dataset[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        # Asked only where no batch sampler says which items there are; torch's type leaves it out.
        return len(cast(Sized, self._items))

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._items[key]
        except CvglError as error:
            return error


def _stack_or_report(items: list[Any]) -> Any:
    error = next((item for item in items if isinstance(item, CvglError)), None)
    if error is not None:
        return error
    try:
        return default_collate(items)
    except (RuntimeError, TypeError, KeyError) as reason:
        return PluginError(
            "The method breaks its contract: what it prepares cannot be stacked to a batch "
            f"({in_one_line(reason)}). prepare() must give tensors of one shape and type for all images of a "
            "view, and prepare_pair() for each name."
        )


def _leave_interrupts_to_the_run(worker: int) -> None:
    """Ignore Ctrl-C and SIGTERM, which reach every process of a terminal or of a job that is ended.

    The run finishes its step first. A worker ends when the run's process tells it to, or is gone.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)


class SplitImages:
    """The images of a split by row, queries as its variant shows them.

    query_least, reference_least: as `read_image`'s `least`; queries of another variant than the plain one
    are read whole, as variants are defined on stored images.
    """

    def __init__(
        self, split: Split, *, query_least: Size | None = None, reference_least: Size | None = None
    ) -> None:
        self._root, self._variant = split.root, split.variant
        self._query_least = query_least if split.variant == PLAIN else None
        self._reference_least = reference_least
        self._queries = split.queries[["path", "name"]].to_numpy(str)
        self._references = split.references["path"].to_numpy(str)

    def query(self, row: int) -> ImageArray:
        """Read the query of a row."""
        return self._variant(
            read_image(self.query_path(row), least=self._query_least), str(self._queries[row, 1])
        )

    def query_path(self, row: int) -> Path:
        """Return the file of a row's query."""
        return self._root / self._queries[row, 0]

    def reference(self, row: int) -> ImageArray:
        """Read the reference of a row."""
        return read_image(self.reference_path(row), least=self._reference_least)

    def reference_path(self, row: int) -> Path:
        """Return the file of a reference."""
        return self._root / self._references[row]


def images_for(method: Method | Locates, split: Split, decode: Decode) -> SplitImages:
    """Return the images of a split as a method gets them."""
    if decode == "exact":
        return SplitImages(split)
    query, reference = (least_size(method, method.least_size(view)) for view in VIEWS)
    return SplitImages(split, query_least=query, reference_least=reference)


class ViewImages(Dataset[torch.Tensor]):
    """The images of one view, prepared for the network, by row."""

    def __init__(self, method: Method, split: Split, view: View, *, decode: Decode = "exact") -> None:
        self._count = len(split.queries if view == "query" else split.references)
        self._images, self._method, self._view = images_for(method, split, decode), method, view

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> torch.Tensor:
        if not self._method.needs_images:
            return torch.empty(0)
        images, of_query = self._images, self._view == "query"
        image = images.query(row) if of_query else images.reference(row)
        try:
            return prepared_image(self._method, self._method.prepare(image, self._view))
        except DataError as error:
            path = images.query_path(row) if of_query else images.reference_path(row)
            raise DataError(f"{path} cannot be used: {error}") from None


class TrainingPairs(Dataset[dict[str, torch.Tensor]]):
    """Augmented training pairs by (epoch, row): each draws from a generator of its own."""

    def __init__(self, method: TrainableMethod, split: Split, *, seed: int, decode: Decode = "exact") -> None:
        self._method, self._images, self._seed = method, images_for(method, split, decode), seed
        self._truth, self._covers = split.truth, split.covers
        self._fraction = split.position_px / split.tile_size_px[:, ::-1]
        self._city = split.queries["city"].to_numpy(str)
        references = split.references.iloc[split.truth]
        self._width_m = (references["m_per_px"] * references["width_px"]).to_numpy()

    def __getitem__(self, epoch_and_row: tuple[int, int]) -> dict[str, torch.Tensor]:
        epoch, row = epoch_and_row
        pair = self._pair(row)
        try:
            answer = self._method.prepare_pair(pair, np.random.default_rng([self._seed, epoch, row]))
        except DataError as error:
            raise DataError(f"{self._images.query_path(row)}, or its tile, cannot be used: {error}") from None
        return prepared_pair(self._method, answer) | {
            "pair.row": torch.tensor(row),
            "pair.reference_row": torch.tensor(pair.reference_row),
            "pair.covers": torch.from_numpy(self._covers[row]),
            "pair.position": torch.from_numpy(self._fraction[row]).float(),
            "pair.m_per_px": torch.tensor(pair.m_per_px),
            "pair.heading_deg": torch.tensor(pair.heading_deg),
        }

    def _pair(self, row: int) -> Pair:
        query, reference = self._images.query(row), self._images.reference(self._truth[row])
        height, width = reference.shape[:2]
        x, y = self._fraction[row]
        return Pair(
            query,
            reference,
            (float(x * width), float(y * height)),
            row=row,
            reference_row=int(self._truth[row]),
            covers=tuple(self._covers[row][self._covers[row] >= 0].tolist()),
            city=str(self._city[row]),
            m_per_px=float(self._width_m[row] / width),
        )


def view_loader(
    method: Method,
    split: Split,
    *,
    view: View,
    batch_size: int,
    workers: int,
    device: torch.device,
    rows: Sequence[int] | None = None,
    decode: Decode = "exact",
) -> Loader:
    """Return batches of one view's prepared images in row order, or in the order of `rows`."""
    images = ViewImages(method, split, view, decode=decode)
    chosen = torch.utils.data.Subset(images, rows) if rows is not None else images
    workers = workers if method.needs_images else 0
    return Loader(chosen, workers=workers, device=device, batch_size=batch_size)


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
    method: TrainableMethod,
    split: Split,
    *,
    batches: EpochBatches,
    seed: int,
    workers: int,
    device: torch.device,
    decode: Decode = "exact",
) -> Loader:
    """Return augmented training batches: dicts of stacked tensors, in the order `batches` gives."""
    pairs = TrainingPairs(method, split, seed=seed, decode=decode)
    return Loader(
        pairs, workers=workers, device=device, batch_sampler=batches, persistent_workers=workers > 0
    )


def choose_workers(workers: int | None, device: torch.device, *, sharing: int = 1) -> int:
    """Return the number of worker processes: what was asked for, or one a core up to eight.

    Where a CPU is the device, one for two cores: more take from the network what they give it.
    sharing: processes that share the machine's cores and each have workers of their own.
    """
    if workers is not None:
        return workers
    cores = multiprocessing.cpu_count() // sharing
    return min(-(-cores // 2) if device.type == "cpu" else cores, 8)
