"""Tables of a data set's cities for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvgl_bench.data_tools.inspection import CityStatistics

COUNTS = ("tiles", "train_queries", "test_queries")
QUANTILES = {"0.05": "5 %", "0.25": "25 %", "0.5": "median", "0.75": "75 %", "0.95": "95 %", "1": "largest"}
"""Quantiles of the decentrality, as `CityStatistics` and as a table's head names them."""


def count_table(cities: Sequence[CityStatistics]) -> str:
    """Return how much there is of each city, and of all together."""
    rows: list[tuple[str, ...]] = [
        (c.city, f"{c.tiles:,}", f"{c.train_queries:,}", f"{c.test_queries:,}", _number(c.area_km2, ".2f"),
         _number(c.queries_per_km2, ",.0f"), _metres(c.query_spacing_m))
        for c in cities
    ]  # fmt: skip
    if len(cities) > 1:
        totals = (sum(getattr(c, name) for c in cities) for name in COUNTS)
        rows.append(("together", *(f"{total:,}" for total in totals), "", "", ""))
    headers = ["city", "tiles", "train", "test", "km2", "queries/km2", "query spacing"]
    return _table(rows, headers)


def geometry_table(cities: Sequence[CityStatistics]) -> str:
    """Return how the tiles of each city lie, and what training and test share."""
    rows = [
        (c.city, _number(c.tile_side_m, ".2f", " m"), _pair(c.stride_m, "{:.2f}", " m"),
         _pair(c.overlap, "{:.0%}", ""), _number(c.largest_offset_px, ".0f", " px"), _share(c.not_covering),
         _share(c.shared_positives), _metres(c.training_distance_m))
        for c in cities
    ]  # fmt: skip
    headers = ["city", "tile side", "stride (east x north)", "overlap", "largest offset", "covers miss",
               "shared positives", "nearest training query"]  # fmt: skip
    return _table(rows, headers)


def decentrality_table(cities: Sequence[CityStatistics], edges: Sequence[float]) -> str:
    """Return each city's share of test queries by decentrality, and its quantiles."""
    bins = [f"{low:g}-{high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    rows = []
    for city in cities:
        total = sum(city.decentrality_histogram)
        shares = [_share(count / total) for count in city.decentrality_histogram]
        rows.append((city.city, *shares, *(f"{city.decentrality[q]:.2f}" for q in QUANTILES)))
    return _table(rows, ["decentrality", *bins, *QUANTILES.values()])


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    from tabulate import tabulate

    return tabulate(
        rows, headers=headers, colalign=("left", *("right",) * (len(headers) - 1)), disable_numparse=True
    )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _metres(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} m"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _pair(values: tuple[float, float] | None, form: str, unit: str) -> str:
    if values is None:
        return "-"
    # Adding zero turns a rounded -0.0 into 0.0.
    return " x ".join(form.format(round(value, 4) + 0.0) for value in values) + unit
