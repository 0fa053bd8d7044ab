"""Does a metric give one value per query, whatever the order of the queries."""

from __future__ import annotations

import dataclasses

import numpy as np

from cvgl_bench.ranking.outcome import Outcome, Ranking
from cvgl_bench.scoring.metrics import Metric, values_per_query
from cvgl_bench.testing.demands import NAME_RULE, allowed, demands_on, is_name

SEED = 20240501

QUERIES, REFERENCES, TOP = 40, 200, 10

FAR_M = 1000.0
"""How much farther away the best references of the worst ranking are."""


def check_metric(metric: Metric) -> None:
    """Assert that a metric gives one value per query, the same for every order of the queries.

    A perfect ranking must not score worse than one that puts every truth last.
    """
    must = demands_on(f"The metric '{metric.id}'")
    must(is_name(metric.id), f"its id {NAME_RULE}")
    must(metric.title.strip(), "it has no title, which reports print")
    perfect, worst = _outcome(metric, truth_first=True), _outcome(metric, truth_first=False)
    values = allowed(lambda: values_per_query(metric, perfect))
    again = allowed(lambda: values_per_query(metric, perfect))
    must(np.array_equal(values, again, equal_nan=True), "it gives other values when asked again")
    order = np.random.default_rng(SEED).permutation(len(perfect))
    shuffled = allowed(lambda: values_per_query(metric, _reordered(perfect, order)))
    must(
        np.array_equal(values[order], shuffled, equal_nan=True),
        "a query's value depends on the other queries or on their order",
    )
    bad = allowed(lambda: values_per_query(metric, worst))
    if np.isfinite(values).any() and np.isfinite(bad).any():
        gain = np.nanmean(values) - np.nanmean(bad)
        must(
            gain >= 0 if metric.higher_is_better else gain <= 0,
            "it is worse for a perfect ranking than for the worst; is `higher_is_better` right?",
        )


def _outcome(metric: Metric, *, truth_first: bool) -> Outcome:
    """Return an outcome without ties in which every truth is first, or every truth last."""
    generator = np.random.default_rng(SEED)
    truth = generator.integers(REFERENCES, size=QUERIES)
    rank = np.full(QUERIES, 0 if truth_first else REFERENCES - 1)
    rows = (truth[:, None] + np.arange(TOP) + (0 if truth_first else 1)) % REFERENCES
    scores = np.sort(generator.uniform(-1, 1, (QUERIES, TOP)).astype(np.float32), axis=1)[:, ::-1]
    away_m = 0.0 if truth_first else FAR_M
    return Outcome(
        ranking=Ranking(rank, np.zeros(QUERIES, np.int64), rank, rows, scores),
        distance_m=generator.uniform(0, 40, QUERIES) + away_m,
        decentrality=generator.uniform(0, 1, QUERIES),
        city=np.where(generator.random(QUERIES) < 0.5, "Aa", "Bb"),
        truth=truth,
        covers=np.full((QUERIES, 3), -1),
        reference_count=REFERENCES,
        extra={
            name: generator.uniform(0, 40, QUERIES) + (-away_m if metric.higher_is_better else away_m)
            for name in metric.requires
        },
    )


def _reordered(outcome: Outcome, order: np.ndarray) -> Outcome:
    ranking = {
        field.name: getattr(outcome.ranking, field.name)[order] for field in dataclasses.fields(Ranking)
    }
    per_query = ("distance_m", "decentrality", "city", "truth", "covers")
    kept = {name: getattr(outcome, name)[order] for name in per_query}
    extra = {name: values[order] for name, values in outcome.extra.items()}
    return dataclasses.replace(outcome, ranking=Ranking(**ranking), extra=extra, **kept)
