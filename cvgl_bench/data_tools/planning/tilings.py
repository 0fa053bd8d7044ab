"""Tilings of an area: how many tiles, how many bytes, how decentral its queries.

A seamless tiling with few large tiles is small, but its queries lie further from the centre of their
tile, where methods recognise them less often. Overlap moves queries to the centre and multiplies tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.data_tools.building.frames import MercatorFrame
from cvgl_bench.data_tools.building.sheets import Area, Sheet, area_sheet
from cvgl_bench.data_tools.fetch.listing import BYTES_PER_PX
from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX, metres_per_px
from cvgl_bench.scoring.results import Result, read_result

Floats = NDArray[np.float64]

QUANTILE_STEPS = 4096
LEAST_COVERED = 0.99
"""A recall is stated where the run has measured bins for this share of the queries to come."""


@dataclass(frozen=True)
class Curve:
    """A run's recall by decentrality: bins (low, high) and the recall measured in each, as a fraction."""

    title: str
    metric: str
    recall: Mapping[tuple[float, float], float]


@dataclass(frozen=True)
class Tiling:
    """One way to tile the areas. Lengths in metres on the ground at the areas' middle latitude.

    tiles: size of the database. bytes: its files, by experience. requests: source tiles of 256 px to
    fetch. median, high: decentrality that half, and 95 %, of the queries stay below. offset_m: distance
    from the tile's centre that half of them stay below. views: tiles that show a place, on average.
    recall: what to expect with the run's curve, or None without one.
    """

    zoom: int
    tile_px: int
    overlap: float
    m_per_px: float
    tile_m: float
    tiles: int
    bytes: float
    requests: int
    median: float
    high: float
    offset_m: float
    views: float
    recall: float | None


def plan(
    areas: Sequence[Area],
    *,
    zooms: Sequence[int],
    tile_sizes_px: Sequence[int],
    overlaps: Sequence[float],
    suffix: str = ".jpg",
    curve: Curve | None = None,
) -> list[Tiling]:
    """Return every combination of zoom, tile size and overlap; queries are taken as evenly spread."""
    lat = float(np.mean([(area.south + area.north) / 2 for area in areas]))
    rows = []
    for zoom, tile_px, overlap in product(zooms, tile_sizes_px, overlaps):
        size = (tile_px, tile_px)
        sheets = [area_sheet(area, zoom, size=size, overlap=overlap) for area in areas]
        tiles = sum(sheet.rows * sheet.columns for sheet in sheets)
        stride = sheets[0].stride[0] / tile_px
        scale = float(metres_per_px(lat, zoom))
        rows.append(
            Tiling(
                zoom=zoom,
                tile_px=tile_px,
                overlap=overlap,
                m_per_px=scale,
                tile_m=scale * tile_px,
                tiles=tiles,
                bytes=tiles * tile_px**2 * BYTES_PER_PX[suffix],
                requests=sum(_source_tiles(sheet) for sheet in sheets),
                median=quantile(0.5, stride),
                high=quantile(0.95, stride),
                offset_m=quantile(0.5, stride) * scale * tile_px / math.sqrt(2),
                views=1 / stride**2,
                recall=None if curve is None else expected_recall(curve, stride),
            )
        )
    return rows


def _source_tiles(sheet: Sheet) -> int:
    """Return how many tiles of the source a sheet touches."""
    assert isinstance(sheet.frame, MercatorFrame)
    count = 1
    corners = (
        (sheet.frame.left, (sheet.columns - 1) * sheet.stride[1] + sheet.tile_size[1]),
        (sheet.frame.top, (sheet.rows - 1) * sheet.stride[0] + sheet.tile_size[0]),
    )
    for start, length in corners:
        count *= int((start + length - 1) // MERCATOR_TILE_PX - start // MERCATOR_TILE_PX) + 1
    return count


def share_below(decentrality: ArrayLike, stride: float) -> Floats:
    """Return the share of evenly spread queries with at most this decentrality.

    Each query belongs to the nearest of square tiles that lie `stride` apart, as a share of their side.
    Its offset is even over a square of side `stride`; the share is the part of that square within a
    circle of radius decentrality / sqrt(2), which for seamless tiles up to 1 / sqrt(2) is pi d^2 / 2.
    """
    radius = np.clip(np.asarray(decentrality, np.float64) / math.sqrt(2), 0, stride / math.sqrt(2))
    half = stride / 2
    beyond = np.maximum(radius, half)
    segment = beyond**2 * np.arccos(half / beyond) - half * np.sqrt(beyond**2 - half**2)
    return (math.pi * radius**2 - 4 * segment) / stride**2


def quantile(share: float, stride: float) -> float:
    """Return the decentrality that this share of the queries stays below; the inverse of `share_below`."""
    steps = np.linspace(0, stride, QUANTILE_STEPS)
    return float(np.interp(share, share_below(steps, stride), steps))


def expected_recall(curve: Curve, stride: float) -> float | None:
    """Return the mean of a run's recall over the decentrality to come.

    None where the run has not measured enough of it: a run on central queries says nothing of others.
    """
    covered = total = 0.0
    for (low, high), recall in curve.recall.items():
        share = float(share_below(high, stride) - share_below(low, stride))
        covered += share
        total += share * recall
    return total / covered if covered >= LEAST_COVERED else None


def read_curve(path: Path, metric: str) -> Curve:
    """Read the recall by decentrality of a run's folder or result file; ResultError where it has none."""
    result = read_result(path)
    recall = dict(_bins(result, metric))
    if not recall:
        known = sorted({name for found in result.metrics.by_decentrality.values() for name in found})
        raise ResultError(
            f"{path} holds no '{metric}' by decentrality. It holds: {', '.join(known) or 'none'}."
        )
    return Curve(f"{result.method.title} on {result.task.dataset} ({result.task.split})", metric, recall)


def _bins(result: Result, metric: str) -> Iterator[tuple[tuple[float, float], float]]:
    for name, estimates in result.metrics.by_decentrality.items():
        low, _, high = name.partition("-")
        value = estimates[metric].value if metric in estimates else None
        if value is not None:
            yield (float(low), float(high)), value
