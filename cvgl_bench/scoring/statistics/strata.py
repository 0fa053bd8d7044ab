"""Strata of an outcome: decentrality bins, distances to the border, cities, and bins of cities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import UsageError

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

Rows = NDArray[np.int64]


BORDER_EDGES_M = (0.0, 5.0, 10.0, 20.0)
"""Lower edges of the strata by metres to the nearest border of a query's tile."""


@dataclass(frozen=True)
class Stratum:
    """Queries that are reported together; `city`, `bin` or `border` is None where it is not restricted."""

    city: str | None
    bin: str | None
    rows: Rows
    border: str | None = None


def bin_names(edges: Sequence[float]) -> list[str]:
    """Return the names of decentrality bins, '0.0-0.2' and so on.

    >>> bin_names((0, 0.25, 1))
    ['0.0-0.25', '0.25-1.0']
    """
    return [f"{float(low)}-{float(high)}" for low, high in zip(edges[:-1], edges[1:], strict=True)]


def bin_edges(names: Iterable[str]) -> tuple[float, ...]:
    """Return the edges that `bin_names` made names of; none without names."""
    return tuple(sorted({float(edge) for name in names for edge in name.split("-")}))


def bin_rows(decentrality: NDArray[np.float64], edges: Sequence[float]) -> Rows:
    """Return each query's bin, -1 where the decentrality is NaN.

    Bins hold their lower edge, the last one both; what lies outside the edges goes to the nearest bin.
    Raises UsageError where the edges do not increase.
    """
    if len(edges) < 2 or np.any(np.diff(edges) <= 0) or not np.isfinite(edges).all():
        raise UsageError(f"Decentrality edges {tuple(edges)} must be at least two increasing numbers.")
    rows = np.clip(np.searchsorted(edges, decentrality, side="right") - 1, 0, len(edges) - 2)
    return np.where(np.isnan(decentrality), -1, rows)


def border_strata(border_m: NDArray[np.float64]) -> list[Stratum]:
    """Return strata by metres to the tile's border, '0-5' to '20 and more'; none where it is not known."""
    if np.isnan(border_m).all():
        return []
    names = [f"{low:g}-{high:g}" for low, high in zip(BORDER_EDGES_M[:-1], BORDER_EDGES_M[1:], strict=True)]
    names.append(f"{BORDER_EDGES_M[-1]:g} and more")
    row_of = np.searchsorted(BORDER_EDGES_M, border_m, side="right") - 1
    row_of[np.isnan(border_m)] = -1
    return [Stratum(None, None, np.flatnonzero(row_of == row), border=n) for row, n in enumerate(names)]


def strata_of(outcome: Outcome, edges: Sequence[float]) -> list[Stratum]:
    """Return all queries, each decentrality bin, each distance to the border, each city, and each bin of it.

    Bins are left out where no query has a decentrality, and kept, empty, where some have. Queries
    whose city is the empty string are in none.
    """
    bins = bin_rows(outcome.decentrality, edges)
    names = bin_names(edges) if (bins >= 0).any() else []
    cities = [str(city) for city in np.unique(outcome.city) if city]
    strata = [Stratum(None, None, np.arange(len(outcome)))]
    strata += [Stratum(None, name, np.flatnonzero(bins == row)) for row, name in enumerate(names)]
    strata += border_strata(outcome.border_m)
    for city in cities:
        strata.append(Stratum(city, None, np.flatnonzero(outcome.city == city)))
    for city in cities:
        inside = outcome.city == city
        strata += [Stratum(city, name, np.flatnonzero(inside & (bins == r))) for r, name in enumerate(names)]
    return strata
