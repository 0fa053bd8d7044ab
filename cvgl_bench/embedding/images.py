"""From images to embeddings: one view of a split through a method's network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import normalize

from cvgl_bench.data.loading import view_loader
from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.errors import EmbeddingError
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.foundation.progress import progress
from cvgl_bench.method import Method, View
from cvgl_bench.networks.answers import embeddings
from cvgl_bench.networks.memory import SMALLER_ADVICE, enough_memory
from cvgl_bench.views.images import Decode

Keep = Callable[[Iterator[NDArray[np.float32]], int], NDArray[np.float32]]
"""Makes one array (N, D) of batches (B, D) as they come and the number of rows that they have in all."""


def autocast_type(mixed_precision: str, device: torch.device) -> torch.dtype | None:
    """Return the autocast type that an option names, or None for full float32."""
    if mixed_precision == "auto":
        return torch.float16 if device.type == "cuda" else None
    return {"off": None, "fp16": torch.float16, "bf16": torch.bfloat16}[mixed_precision]


def autocast(kind: torch.dtype | None, device: torch.device) -> Any:
    """Return the autocast context of a type from `autocast_type`."""
    return contextlib.nullcontext() if kind is None else torch.autocast(device.type, dtype=kind)


def gather(batches: Iterator[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    """Return batches (B, D) of `count` rows in all as one array in memory."""
    gathered = np.empty((0, 1), np.float32)
    done = 0
    for batch in batches:
        if not done:
            gathered = np.empty((count, batch.shape[1]), np.float32)
        gathered[done : done + len(batch)] = batch
        done += len(batch)
    return gathered


def embed_split(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    view: View,
    device: torch.device,
    batch_size: int,
    workers: int,
    mixed_precision: str = "auto",
    decode: Decode = "exact",
    rows: Sequence[int] | None = None,
    keep: Keep = gather,
    group: ProcessGroup = ALONE,
) -> NDArray[np.float32]:
    """Return unit-length float32 embeddings (N, D) of one view, in row order or in that of `rows`.

    keep: makes the array of the batches as they come. group: processes that share the work, whole batches
    each, so that all embeddings are those of one process; every process gets all of them. Raises
    EmbeddingError naming the first image whose embedding is not finite or is zero.
    """
    table = split.queries if view == "query" else split.references
    if group.count > 1:
        order = np.arange(len(table)) if rows is None else np.asarray(rows)
        rows = order[group.share(len(order), unit=batch_size)].tolist()
    loader = view_loader(
        method,
        split,
        view=view,
        batch_size=batch_size,
        workers=workers,
        device=device,
        rows=rows,
        decode=decode,
    )
    kind = autocast_type(mixed_precision, device)
    count = len(table) if rows is None else len(rows)

    def batches() -> Iterator[NDArray[np.float32]]:
        done, width = 0, None
        for images in loader:
            with (
                enough_memory(f"{len(images)} images", SMALLER_ADVICE),
                torch.inference_mode(),
                autocast(kind, device),
            ):
                answer = method.embed(network, images.to(device, non_blocking=True), view)
                answer = embeddings(method, answer, count=len(images), width=width)
                unit = normalize(answer.float(), dim=1).cpu().numpy()
            _check_finite(unit, names=table["name"].to_numpy(), rows=rows, start=done)
            done, width = done + len(unit), unit.shape[1]
            bar.advance(len(unit))
            yield unit

    network.eval()
    with progress(count, f"embed {'queries' if view == 'query' else 'references'}", shown=group.first) as bar:
        if group.count == 1:
            return keep(batches(), count)
        parts = group.collect(gather(batches(), count))
        whole = np.concatenate([part for part in parts if len(part)])
        return keep(iter([whole]), len(whole))


def _check_finite(batch: NDArray[np.float32], *, names: Any, rows: Sequence[int] | None, start: int) -> None:
    good = np.isfinite(batch).all(axis=1) & (np.abs(batch).max(axis=1) > 0)
    if good.all():
        return
    row = start + int(np.flatnonzero(~good)[0])
    name = names[row if rows is None else rows[row]]
    raise EmbeddingError(
        f"The embedding of '{name}' is not finite or is zero ({(~good).sum()} of {len(good)} in its batch); "
        "such embeddings cannot be ranked. Check the weights, or set `mixed_precision=off`."
    )
