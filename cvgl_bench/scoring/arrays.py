"""Metrics for embeddings made elsewhere: plain arrays in, outcome and metrics out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvgl_bench.data.card_fields import DEFAULT_DECENTRALITY_EDGES
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, EmbeddingError
from cvgl_bench.ranking import Outcome, rank
from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.scoring.results import Metrics
from cvgl_bench.scoring.statistics import summarise

if TYPE_CHECKING:
    import torch

    from cvgl_bench.foundation.progress import Progress
    from cvgl_bench.ranking.precision import Precision
    from cvgl_bench.ranking.rows import Embeddings

TOP = 10
"""Best references that the outcome keeps for each query."""

ROUNDING = 1e-6
"""What a query in its tile's corner may be over a decentrality of 1."""


def score(
    query_embeddings: Embeddings,
    reference_embeddings: Embeddings,
    truth: ArrayLike,
    covers: ArrayLike | None = None,
    *,
    query_lat_lon: ArrayLike | None = None,
    reference_lat_lon: ArrayLike | None = None,
    decentrality: ArrayLike | None = None,
    border_m: ArrayLike | None = None,
    city: Sequence[str] | None = None,
    clusters: ArrayLike | None = None,
    metrics: Iterable[Metric] = METRICS,
    edges: Sequence[float] = DEFAULT_DECENTRALITY_EDGES,
    top: int = TOP,
    precision: Precision = "auto",
    device: torch.device | None = None,
    normalise: bool = True,
    progress: Progress | None = None,
) -> tuple[Outcome, Metrics]:
    """Rank the references of every query by cosine similarity and return the outcome and its metrics.

    query_embeddings (Q, D), reference_embeddings (R, D): arrays, memory-mapped or not, or tensors.
    truth (Q,): row of each query's positive. covers (Q, K): rows of its semi-positives, padded with -1
        or, as the tables of `cvgl-bench dataset export` are read, with NaN.
    query_lat_lon (Q, 2), reference_lat_lon (R, 2): degrees, the reference's of its centre. Without both
        the distances are NaN and the metrics that need them are left out.
    decentrality (Q,), border_m (Q,), metres to the nearest border of its tile, city (Q,): without them there
        are no such strata. clusters (Q,): labels of queries
        that are not independent, by default those of one positive.
    edges: of the decentrality bins.
    top, precision, device, normalise, progress: as for `cvgl_bench.ranking.rank`.

    Raises EmbeddingError for embeddings or rows that cannot be ranked, DataError for a column whose
    length is not that of its table, or whose values cannot be what it is said to hold.

    >>> import numpy as np
    >>> found, metrics = score(np.eye(3), np.eye(3), truth=[0, 1, 0])
    >>> found.ranking.rank
    array([0, 0, 2])
    >>> round(metrics.overall["recall@1"].value, 3)
    0.667
    """
    queries, references = len(query_embeddings), len(reference_embeddings)
    truth = _reference_rows("truth", truth)
    lost = np.flatnonzero(truth < 0)
    if len(lost):
        raise EmbeddingError(
            f"truth names no positive for query {lost[0]} ({len(lost)} of {len(truth)} queries have none). "
            "Leave such queries out of both the embeddings and truth: they cannot be ranked."
        )
    covers = np.empty((len(truth), 0), np.int64) if covers is None else _reference_rows("covers", covers)
    at = _places("query_lat_lon", query_lat_lon, queries)
    centres = _places("reference_lat_lon", reference_lat_lon, references)
    off_centre, cities = _decentrality(decentrality, queries), _cities(city, queries)
    ranking = rank(
        query_embeddings,
        reference_embeddings,
        truth,
        covers,
        top=top,
        precision=precision,
        device=device,
        normalise=normalise,
        progress=progress,
    )
    found = Outcome(
        ranking=ranking,
        distance_m=geo.geodesic_m(*at.T, *centres[ranking.top_rows[:, 0]].T),
        decentrality=off_centre,
        city=cities,
        truth=truth,
        covers=covers,
        reference_count=references,
        extra={},
        tile_lat_lon=centres[truth],
        border_m=_column("border_m", border_m, (queries,)),
    )
    labels = None if clusters is None else np.asarray(clusters)
    return found, summarise(found, metrics, edges=edges, clusters=labels)


def _reference_rows(name: str, given: ArrayLike) -> NDArray[np.int64]:
    """Return rows of references as whole numbers, -1 where NaN says that there is none."""
    try:
        rows = np.asarray(given)
    except ValueError:
        raise DataError(f"{name} has rows of different lengths; pad them with -1.") from None
    if not np.issubdtype(rows.dtype, np.number):
        raise DataError(f"{name} holds {rows.dtype}, but it must hold row numbers of references.")
    rows = np.where(np.isnan(rows), -1, rows)
    broken = rows[rows != np.floor(rows)]
    if len(broken):
        raise DataError(f"{name} holds {broken[0]}, but row numbers of references are whole.")
    return rows.astype(np.int64)


def _column(name: str, given: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where it was not given."""
    column = np.full(shape, np.nan) if given is None else np.asarray(given, np.float64)
    if column.shape != shape:
        raise DataError(f"{name} has shape {column.shape}, but the embeddings ask for {shape}.")
    return column


def _places(name: str, given: ArrayLike | None, count: int) -> NDArray[np.float64]:
    """Return latitude and longitude in degrees, NaN where they were not given."""
    places = _column(name, given, (count, 2))
    outside = np.flatnonzero(np.abs(places[:, 0]) > 90)
    if len(outside):
        raise DataError(
            f"{name} holds latitude {places[outside[0], 0]:g} in row {outside[0]}. Give latitude, then "
            "longitude, in degrees."
        )
    return places


def _decentrality(given: ArrayLike | None, count: int) -> NDArray[np.float64]:
    """Return the decentrality of each query, NaN where it was not given."""
    decentrality = _column("decentrality", given, (count,))
    outside = np.flatnonzero((decentrality < 0) | (decentrality > 1 + ROUNDING))
    if len(outside):
        raise DataError(
            f"decentrality holds {decentrality[outside[0]]:g} for query {outside[0]}. It is the offset from "
            "the tile's centre over half the tile's diagonal: 0 at the centre, 1 at a corner."
        )
    return decentrality


def _cities(city: Sequence[str] | None, count: int) -> NDArray[np.str_]:
    """Return the city of each query, empty where unknown."""
    cities = np.full(count, "") if city is None else np.asarray(city, str)
    if cities.shape != (count,):
        raise DataError(f"city has shape {cities.shape}, but there are {count} queries.")
    return cities
