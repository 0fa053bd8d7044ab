"""Numbers that describe a split city by city: tiles, overlap, area, decentrality, leakage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.data.layouts.geometry import offset_m
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.data_tools.inspection.nearest import nearest_m, plane_m
from cvgl_bench.foundation.geo import EARTH_RADIUS_M, mean_place, unit_vectors

Floats = NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
ROW_DECIMALS = 9
"""Tiles of one row share their latitude; nine decimals of a degree are 0.1 mm."""
AREA_CELLS = 16
"""A tile's side is this many cells of the raster in which areas are counted."""
SQUARE_METRES_PER_KM2 = 1e6


@dataclass(frozen=True)
class CityStatistics:
    """A city of a split. Lengths in metres, shares as fractions; None where it does not apply.

    Queries are those that test, or in a city that only trains (`test_queries` is 0) those that train; tiles
    are the references of the same part. stride_m: median distance between neighbouring tiles, east and
    north. overlap: share of a tile's side that its neighbour covers too, likewise. query_spacing_m: median
    distance from a query to the nearest other. not_covering: share of queries with a cover that does not
    contain them, by the coordinates in the names. shared_positives: share of test queries whose positive is
    also that of a training query. training_distance_m: median distance from a test query to the nearest
    training query. Without coordinates or scale there is nothing but counts and shared
    positives.
    """

    city: str
    tiles: int
    train_queries: int
    test_queries: int
    tile_side_m: float | None
    stride_m: tuple[float, float] | None
    overlap: tuple[float, float] | None
    area_km2: float | None
    queries_per_km2: float | None
    query_spacing_m: float | None
    decentrality: dict[str, float]
    decentrality_histogram: list[int]
    largest_offset_px: float | None
    not_covering: float | None
    shared_positives: float | None
    training_distance_m: float | None


def city_statistics(task: Task) -> list[CityStatistics]:
    """Return the numbers of every city, those that test before those that only train, in the card's order."""
    tested, trained = (set(part.queries["city"]) for part in (task.test, task.train))
    return [
        _city(task, city, part)
        for part, present in ((task.test, tested), (task.train, trained - tested))
        for city in task.dataset.cities
        if city in present
    ]


def histogram_edges(task: Task) -> list[float]:
    """Return the edges of the decentrality histogram: those of the card."""
    return list(task.dataset.decentrality_edges)


def _city(task: Task, city: str, part: Split) -> CityStatistics:
    train = task.train
    of_test, of_train = _rows(task.test.queries, city), _rows(train.queries, city)
    own = of_test if len(of_test) else of_train
    if not (part.has_coordinates and part.has_scale):
        return _counts(task, city, part, own, train_queries=len(of_train), test_queries=len(of_test))
    tiles = part.references.iloc[_rows(part.references, city)]
    centre = mean_place(tiles["lat"], tiles["lon"])
    sides_m = tiles[["width_px", "height_px"]].to_numpy() * tiles[["m_per_px"]].to_numpy()
    side_m = float(np.median(sides_m))
    stride = _stride_m(tiles["lat"].to_numpy(), tiles["lon"].to_numpy())
    area = _area_km2(plane_m(tiles["lat"].to_numpy(), tiles["lon"].to_numpy(), about=centre), sides_m)
    here = _places(part, own)
    to_training_m = nearest_m(here, _places(train, of_train)) if len(of_test) else np.empty(0)
    decentrality = part.decentrality[own]
    offset_px = np.abs(part.position_px[own] - part.tile_size_px[own, ::-1] / 2)
    return CityStatistics(
        city=city,
        tiles=len(tiles),
        train_queries=len(of_train),
        test_queries=len(of_test),
        tile_side_m=side_m,
        stride_m=stride,
        overlap=None if stride is None else (1 - stride[0] / side_m, 1 - stride[1] / side_m),
        area_km2=area,
        queries_per_km2=(len(of_train) + len(of_test)) / area,
        query_spacing_m=_median(nearest_m(here, here, skip_self=True)),
        decentrality={f"{q:g}": float(np.quantile(decentrality, q)) for q in QUANTILES},
        decentrality_histogram=np.histogram(decentrality, histogram_edges(task))[0].tolist(),
        largest_offset_px=float(offset_px.max()),
        not_covering=_not_covering(part, own),
        shared_positives=_shared_positives(train, part, own) if len(of_test) else None,
        training_distance_m=_median(to_training_m),
    )


def _counts(
    task: Task, city: str, part: Split, own: NDArray[np.int64], *, train_queries: int, test_queries: int
) -> CityStatistics:
    """Return what is known of a city whose places have no coordinates, or whose tiles no scale."""
    return CityStatistics(
        city=city,
        tiles=len(_rows(part.references, city)),
        train_queries=train_queries,
        test_queries=test_queries,
        tile_side_m=None,
        stride_m=None,
        overlap=None,
        area_km2=None,
        queries_per_km2=None,
        query_spacing_m=None,
        decentrality={},
        decentrality_histogram=[],
        largest_offset_px=None,
        not_covering=None,
        shared_positives=_shared_positives(task.train, part, own) if test_queries else None,
        training_distance_m=None,
    )


def _rows(table: pd.DataFrame, city: str) -> NDArray[np.int64]:
    return np.flatnonzero((table["city"] == city).to_numpy())


def _places(split: Split, rows: NDArray[np.int64]) -> Floats:
    """Return (N, 3) points on the globe: CVUSA's one city is a country, for which no plane is true."""
    lat, lon = split.queries[["lat", "lon"]].to_numpy()[rows].T
    return unit_vectors(lat, lon) * EARTH_RADIUS_M


def _median(values: Floats) -> float | None:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def _stride_m(lat: Floats, lon: Floats) -> tuple[float, float] | None:
    """Return the median step between tiles along rows and between rows; None without rows."""
    row_lat = np.round(lat, ROW_DECIMALS)
    order = np.lexsort((lon, row_lat))
    row_lat, lon = row_lat[order], lon[order]
    step = offset_m(row_lat[:-1], lon[:-1], row_lat[1:], lon[1:])
    same_row = np.diff(row_lat) == 0
    rows = np.unique(row_lat)
    if 2 * same_row.sum() <= len(same_row) or len(rows) < 2:
        return None
    south = offset_m(rows[1:], np.zeros(len(rows) - 1), rows[:-1], np.zeros(len(rows) - 1))[:, 1]
    return float(np.median(step[same_row, 0])), float(np.median(south))


def _area_km2(centres_m: Floats, sides_m: Floats) -> float:
    """Return the area that tiles cover together, by the raster cells whose centre lies in a tile."""
    cell_m = float(np.median(sides_m)) / AREA_CELLS
    low, high = (
        np.ceil((centres_m + sign * sides_m / 2) / cell_m - 0.5).astype(np.int64) for sign in (-1, 1)
    )
    counts = high - low
    low -= low.min(axis=0)
    width = int(low[:, 0].max() + counts[:, 0].max())
    covered = []
    for count in np.unique(counts, axis=0):
        corner = low[(counts == count).all(axis=1)]
        cells = np.add.outer(np.arange(count[1]) * width, np.arange(count[0])).ravel()
        covered.append(pd.unique(np.add.outer(corner[:, 1] * width + corner[:, 0], cells).ravel()))
    return len(pd.unique(np.concatenate(covered))) * cell_m**2 / SQUARE_METRES_PER_KM2


def _not_covering(split: Split, rows: NDArray[np.int64]) -> float | None:
    covers = split.covers[rows]
    if not covers.shape[1] or not (covers >= 0).any():
        return None
    tiles = split.references
    lat, lon = tiles["lat"].to_numpy()[covers], tiles["lon"].to_numpy()[covers]
    query_lat, query_lon = split.queries[["lat", "lon"]].to_numpy()[rows].T
    away_m = np.abs(offset_m(lat, lon, query_lat[:, None], query_lon[:, None]))
    half_m = (tiles[["width_px", "height_px"]].to_numpy() * tiles[["m_per_px"]].to_numpy())[covers] / 2
    outside = (away_m > half_m).any(axis=2) & (covers >= 0)
    return float(outside.any(axis=1).mean())


def _shared_positives(train: Split, test: Split, rows: NDArray[np.int64]) -> float | None:
    trained = train.references["name"].iloc[np.unique(train.truth)]
    own = test.references["name"].iloc[test.truth[rows]]
    return float(own.isin(trained).mean())
