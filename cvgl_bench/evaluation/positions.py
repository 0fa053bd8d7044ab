"""Errors of the position that a locating method answers, in metres on the ground."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Dataset, Subset

from cvgl_bench.data.loading import Loader, images_for
from cvgl_bench.data.splits import Split
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.foundation.progress import progress
from cvgl_bench.method import Locates
from cvgl_bench.networks.answers import positions, prepared_image
from cvgl_bench.networks.memory import SMALLER_ADVICE, enough_memory
from cvgl_bench.views.images import Decode

REFERENCE_ZOOM = 20
"""Web-Mercator zoom in whose pixels positions are turned to coordinates; any zoom gives the same."""


class _PairImages(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    def __init__(self, method: Locates, split: Split, rows: NDArray[np.int64], decode: Decode) -> None:
        self._method, self._images, self._rows = method, images_for(method, split, decode), rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        query, reference = self._images.query(row), self._images.reference(self._rows[row])
        method = self._method
        return (
            prepared_image(method, method.prepare(query, "query")),
            prepared_image(method, method.prepare(reference, "reference")),
        )


def position_errors(
    method: Locates,
    network: nn.Module,
    split: Split,
    *,
    retrieved: NDArray[np.int64],
    device: torch.device,
    batch_size: int,
    workers: int,
    group: ProcessGroup = ALONE,
    decode: Decode = "exact",
) -> dict[str, NDArray[np.float64]]:
    """Return per-query errors in metres (Q,) of the answered position and of the tile's centre.

    On the true tile by the labels; on the retrieved tile (row `retrieved`, (Q,)) by coordinates,
    since a query need not lie inside it.
    """
    answers = partial(
        _answers,
        method,
        network,
        split,
        device=device,
        batch_size=batch_size,
        workers=workers,
        group=group,
        decode=decode,
    )
    on_truth, on_retrieved = answers(split.truth), answers(retrieved)
    size_px = split.tile_size_px[:, ::-1]
    m_per_px = split.references["m_per_px"].to_numpy()[split.truth]
    error_px = np.linalg.norm(on_truth * size_px - split.position_px, axis=1)
    centre = np.full_like(on_retrieved, 0.5)
    return {
        "position_error_m": error_px * m_per_px,
        "centre_error_m": split.offset_m,
        "position_error_retrieved_m": _distance_m(split, retrieved, on_retrieved),
        "centre_error_retrieved_m": _distance_m(split, retrieved, centre),
    }


def _answers(
    method: Locates,
    network: nn.Module,
    split: Split,
    rows: NDArray[np.int64],
    *,
    device: torch.device,
    batch_size: int,
    workers: int,
    group: ProcessGroup,
    decode: Decode,
) -> NDArray[np.float64]:
    own = group.share(len(rows), unit=batch_size)
    pairs = Subset(_PairImages(method, split, rows, decode), range(own.start, own.stop))
    loader = Loader(pairs, workers=workers, device=device, batch_size=batch_size)
    answers = []
    network.eval()
    with torch.inference_mode(), progress(len(pairs), "locate queries", shown=group.first) as bar:
        for queries, references in loader:
            with enough_memory(f"{len(queries)} pairs", SMALLER_ADVICE):
                fraction = method.locate(network, queries.to(device), references.to(device))
                fraction = positions(method, fraction, count=len(queries))
                answers.append(fraction.double().cpu().numpy())
            bar.advance(len(queries))
    return np.concatenate([part for others in group.collect(answers) for part in others])


def _distance_m(split: Split, rows: NDArray[np.int64], fraction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance (Q,) from each query to the point at `fraction` (x, y) of tile `rows`."""
    tiles = split.references.iloc[rows]
    lat, lon = tiles["lat"].to_numpy(), tiles["lon"].to_numpy()
    offset_px = (fraction - 0.5) * tiles[["width_px", "height_px"]].to_numpy()
    scale = tiles["m_per_px"].to_numpy() / geo.metres_per_px(lat, REFERENCE_ZOOM)
    x, y = geo.mercator_px(lat, lon, REFERENCE_ZOOM)
    answer_lat, answer_lon = geo.from_mercator_px(
        x + offset_px[:, 0] * scale, y + offset_px[:, 1] * scale, REFERENCE_ZOOM
    )
    return geo.geodesic_m(split.queries["lat"], split.queries["lon"], answer_lat, answer_lon)
