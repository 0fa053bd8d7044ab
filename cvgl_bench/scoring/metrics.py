"""Metrics: functions that give one value per query; the harness does the rest the same way for all.

A metric sees the outcome and nothing else, so that every number can be recomputed from the stored
file. Ties count against the method throughout. Shares are fractions here, per cent only when printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import PluginError

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

Floats = NDArray[np.float64]
PerQuery = Callable[["Outcome"], Floats]

NEAR_ENOUGH_M = 100.0
"""Distance within which AuxGeo's published evaluation accepts the best reference."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number per query and how to read it.

    id: the name that tables print and `--metric` takes.
    per_query: takes the outcome, returns float64 (Q,); NaN where a query has no value. Such queries
        are left out and the count says so.
    unit: '%' for fractions that are printed as per cent, 'm' for metres.
    aggregate: how the queries' values become one.
    requires: columns of `Outcome.extra` without which the metric is not reported, or `distance_m` where it
        needs coordinates.
    undefined: why a query can have no value, for the note under a table.
    source: where the definition was published.
    """

    id: str
    per_query: PerQuery
    title: str = ""
    unit: Literal["%", "m", ""] = ""
    higher_is_better: bool = True
    aggregate: Literal["mean", "median"] = "mean"
    requires: tuple[str, ...] = ()
    undefined: str = ""
    source: str = ""


def values_per_query(metric: Metric, outcome: Outcome) -> Floats:
    """Return the metric's float64 (Q,) values, NaN where undefined.

    Raises PluginError where the metric does not return one finite or NaN value per query.
    """
    values = np.asarray(metric.per_query(outcome), np.float64)
    if values.shape != (len(outcome),):
        raise PluginError(
            f"The metric '{metric.id}' returned an array of shape {values.shape} for {len(outcome)} queries; "
            "its per_query must return one value for each query."
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise PluginError(
            f"The metric '{metric.id}' returned an infinite value for query {infinite[0]}; it must return "
            "NaN where a query has no value."
        )
    return values


def in_order(ids: Iterable[str]) -> list[str]:
    """Return metric ids in the order of every table: built-in ones as they are listed, then others by name.

    >>> in_order({"anew", "recall@10", "recall@5"})
    ['recall@5', 'recall@10', 'anew']
    """
    built_in = [metric.id for metric in METRICS]
    return sorted(ids, key=lambda id: (built_in.index(id) if id in built_in else len(built_in), id))


def reported(metrics: Iterable[Metric], outcome: Outcome) -> list[Metric]:
    """Return the metrics whose required columns the outcome has."""
    columns = set(outcome.extra)
    if not np.isnan(outcome.distance_m).all():
        columns.add("distance_m")
    return [metric for metric in metrics if columns.issuperset(metric.requires)]


RECALL_DEPTHS = (1, 5, 10)
"""The k of the built-in metrics recall@k."""


def recall_at(k: int) -> PerQuery:
    """Return the function that is 1 where fewer than `k` references reach the truth's score.

    >>> from types import SimpleNamespace as Some
    >>> recall_at(5)(Some(ranking=Some(rank=np.array([0, 4, 5]))))
    array([1., 1., 0.])
    """
    return lambda outcome: (outcome.ranking.rank < k).astype(np.float64)


def recall_at_percent(outcome: Outcome) -> Floats:
    """Recall among the best R // 100 of R references; NaN below 100 references, where that is none.

    >>> from types import SimpleNamespace as Some
    >>> recall_at_percent(Some(ranking=Some(rank=np.array([1, 2])), reference_count=299))
    array([1., 0.])
    >>> recall_at_percent(Some(ranking=Some(rank=np.array([0, 2])), reference_count=99))
    array([nan, nan])
    """
    k = per_cent_depth(outcome.reference_count)
    return recall_at(k)(outcome) if k else np.full(len(outcome.ranking.rank), np.nan)


def recall_at_percent_plus_one(outcome: Outcome) -> Floats:
    """Recall among the best int(0.01 R) + 1 of R references.

    >>> from types import SimpleNamespace as Some
    >>> recall_at_percent_plus_one(Some(ranking=Some(rank=np.array([2, 3])), reference_count=299))
    array([1., 0.])
    """
    return recall_at(per_cent_plus_one_depth(outcome.reference_count))(outcome)


def per_cent_depth(reference_count: int) -> int:
    """Return the k of `recall_at_percent`."""
    return reference_count // 100


def per_cent_plus_one_depth(reference_count: int) -> int:
    """Return the k of `recall_at_percent_plus_one`."""
    return int(0.01 * reference_count) + 1


def hit_rate(outcome: Outcome) -> Floats:
    """1 where no reference other than the query's covers reaches the positive's score.

    >>> from types import SimpleNamespace as Some
    >>> hit_rate(Some(ranking=Some(rank_without_covers=np.array([0, 1]))))
    array([1., 0.])
    """
    return (outcome.ranking.rank_without_covers == 0).astype(np.float64)


def covered_at_1(outcome: Outcome) -> Floats:
    """1 where the best reference is true or one of the covers.

    Never below `hit_rate`: a cover may be the best while the positive lies far behind.

    >>> from types import SimpleNamespace as Some
    >>> best = Some(top_rows=np.array([[7, 1], [2, 7], [3, 7]]), rank=np.array([0, 1, 1]))
    >>> covered_at_1(Some(ranking=best, covers=np.array([[2, -1]] * 3)))
    array([1., 1., 0.])
    """
    best = outcome.ranking.top_rows[:, :1]
    is_cover = (best == outcome.covers).any(axis=1)
    return (is_cover | (outcome.ranking.rank == 0)).astype(np.float64)


def recall_within_100_m(outcome: Outcome) -> Floats:
    """1 where the best reference's centre is within 100 m of the query; a tie for best is a miss.

    >>> from types import SimpleNamespace as Some
    >>> scores = np.array([[.9, .8], [.9, .8], [.9, .9]])
    >>> distance_m = np.array([100., 100.1, 3.])
    >>> recall_within_100_m(Some(ranking=Some(top_scores=scores), distance_m=distance_m))
    array([1., 0., 0.])
    """
    scores = outcome.ranking.top_scores
    tied = scores[:, 0] == scores[:, 1] if scores.shape[1] > 1 else False
    near = (outcome.distance_m <= NEAR_ENOUGH_M) & ~np.asarray(tied)
    return np.where(np.isnan(outcome.distance_m), np.nan, near)


def _recall(k: int) -> Metric:
    return Metric(
        id=f"recall@{k}",
        title=f"Recall at {k}",
        unit="%",
        per_query=recall_at(k),
        source="every paper of the field; semi-positives above the positive count as errors",
    )


def _column(name: str, title: str, aggregate: Literal["mean", "median"]) -> Metric:
    return Metric(
        id=f"{aggregate}_{name}",
        title=f"{aggregate.capitalize()} {title}",
        unit="m",
        higher_is_better=False,
        aggregate=aggregate,
        requires=(name,),
        per_query=lambda outcome: outcome.extra[name],
        undefined="the method gave no position for the query",
    )


POSITION_COLUMNS = {
    "position_error_m": "position error on the true tile",
    "position_error_retrieved_m": "position error on the best reference",
    "centre_error_m": "distance to the true tile's centre",
    "centre_error_retrieved_m": "distance to the best reference's centre",
}
"""Columns of `Outcome.extra` that methods with a position estimate fill, all in metres."""

_NO_COORDINATES = "the query or the reference has no coordinates"

METRICS: tuple[Metric, ...] = (
    *map(_recall, RECALL_DEPTHS),
    Metric(
        id="recall@1%",
        title="Recall at 1 % (R // 100)",
        unit="%",
        per_query=recall_at_percent,
        undefined="there are fewer than 100 references, and 1 % of them is none",
        source="Sample4Geo, AuxGeo, TransGeo",
    ),
    Metric(
        id="recall@1%+1",
        title="Recall at 1 % (int(0.01 R) + 1)",
        unit="%",
        per_query=recall_at_percent_plus_one,
        source="VIGOR, SAIG, GeoDTR",
    ),
    Metric(
        id="hit_rate",
        title="Hit rate",
        unit="%",
        per_query=hit_rate,
        source="VIGOR (CVPR 2021), Sample4Geo (ICCV 2023)",
    ),
    Metric(
        id="covered@1",
        title="Best reference covers the query",
        unit="%",
        per_query=covered_at_1,
        source="AuxGeo (ISPRS 2025), there called hit rate",
    ),
    Metric(
        id="recall@1_100m",
        title="Best reference within 100 m",
        unit="%",
        per_query=recall_within_100_m,
        requires=("distance_m",),
        undefined=_NO_COORDINATES,
        source="AuxGeo (ISPRS 2025)",
    ),
    Metric(
        id="median_distance_m",
        title="Median distance to the best reference",
        unit="m",
        higher_is_better=False,
        aggregate="median",
        per_query=lambda outcome: outcome.distance_m,
        requires=("distance_m",),
        undefined=_NO_COORDINATES,
    ),
    Metric(
        id="AP",
        title="Average precision over all true references",
        unit="%",
        per_query=lambda outcome: outcome.extra["average_precision"],
        requires=("average_precision",),
        source="University-1652 (ACM MM 2020), by trapezoids; reported for its layout, in both directions",
    ),
    *(_column(name, title, "median") for name, title in POSITION_COLUMNS.items()),
    *(_column(name, title, "mean") for name, title in POSITION_COLUMNS.items() if "retrieved" not in name),
)
"""The built-in metrics, in the order in which tables print them."""

RETIRED_METRICS = frozenset(f"mean_{name}" for name in POSITION_COLUMNS if "retrieved" in name)
"""Metrics of earlier records that are neither made nor printed any more: a mean of distances to the best
reference is that of the few that lie on another continent, and says nothing of the method."""
