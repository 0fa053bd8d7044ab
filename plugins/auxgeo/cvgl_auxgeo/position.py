"""Where in a tile a query is: similarity of its global feature with every part of the tile's map.

AuxGeo's position constraint module (Xia et al., ISPRS 2025). Computed in float32 whatever
autocast says: half precision resolves a softmax at temperature 0.05 over 144 cells to a tenth of a cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

PositionTarget = Literal["centred", "published"]
"""Where a cell is taken to lie.

centred: at its middle. published: at its top-left corner, as the published code does, which trains the
answer to lie half a cell (16, 32 and 64 px at 384 px) right of and below the query.
"""

POOLINGS = (1, 2, 4)
"""Sides of the squares of cells averaged for the three scales: 12x12, 6x6 and 3x3 at 384 px."""

LEAST_CELLS = 2
"""Cells a side that a scale needs: a single one answers the same whatever is learnt."""


class Cells(NamedTuple):
    """A query's similarity with the cells of its tile at one scale, and where those cells lie.

    similarity: float32 (B, K, N), cosines. places: float32 (N, 2), (x, y) of each cell in cell units.
    shape: cells along height and width, as they fit in the tile (not whole where some are left over).
    """

    similarity: Tensor
    places: Tensor
    shape: tuple[float, float]


def position_errors(
    features: Tensor, parts: Tensor, position: Tensor, *, temperature: float, target: PositionTarget
) -> Tensor:
    """Return the distances (B, S, K) from the answered to the true position, in cells, at S scales.

    features: (B, K, C) global features of the queries in K views (panorama, bird's-eye view); parts:
    (B, C, h, w) maps of their tiles; position: (B, 2) true (x, y) as fractions of the tile.
    """
    distances = []
    with torch.autocast(device_type=parts.device.type, enabled=False):
        for cells in _scales(features.float(), parts.float(), target):
            answer = soft_argmax(cells, temperature)
            truth = position.float() * answer.new_tensor(cells.shape[::-1])
            # vector_norm's gradient at zero is zero; that of a written-out root is NaN.
            distances.append(torch.linalg.vector_norm(answer - truth[:, None], dim=-1))
        return torch.stack(distances, dim=1)


def position_loss(errors: Tensor) -> Tensor:
    """Return the mean over pairs of distances (B, S, K), summed over scales and views."""
    return errors.mean(dim=0).sum(dim=1).sum()


def locate(features: Tensor, parts: Tensor, *, temperature: float, target: PositionTarget) -> Tensor:
    """Return the answered positions (B, 2), (x, y) as fractions of the tile, at the finest scale.

    features: (B, C); parts: (B, C, h, w).
    """
    with torch.autocast(device_type=parts.device.type, enabled=False):
        cells = next(_scales(features.float()[:, None], parts.float(), target))
        answer = soft_argmax(cells, temperature)[:, 0]
        return answer / answer.new_tensor(cells.shape[::-1])


def soft_argmax(cells: Cells, temperature: float) -> Tensor:
    """Return the mean place (B, K, 2) of the cells, weighted by a softmax of their similarities."""
    return functional.softmax(cells.similarity / temperature, dim=-1) @ cells.places


def _scales(features: Tensor, parts: Tensor, target: PositionTarget) -> Iterator[Cells]:
    features = functional.normalize(features, dim=-1)
    height, width = parts.shape[-2:]
    for pooling in POOLINGS:
        if pooling > 1 and min(height, width) // pooling < LEAST_CELLS:
            return
        pooled = functional.avg_pool2d(parts, pooling) if pooling > 1 else parts
        similarity = features @ functional.normalize(pooled.flatten(2), dim=1)
        places = _places(pooled.shape[-2], pooled.shape[-1], target, like=similarity)
        yield Cells(similarity, places, (height / pooling, width / pooling))


def _places(height: int, width: int, target: PositionTarget, *, like: Tensor) -> Tensor:
    middle = 0.5 if target == "centred" else 0.0
    y, x = torch.meshgrid(
        torch.arange(height, device=like.device, dtype=like.dtype) + middle,
        torch.arange(width, device=like.device, dtype=like.dtype) + middle,
        indexing="ij",
    )
    return torch.stack([x.flatten(), y.flatten()], dim=-1)
