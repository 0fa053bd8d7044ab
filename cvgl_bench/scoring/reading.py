"""What helps to read a figure: what chance reaches, and which metrics are one by construction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome

PLAIN_CUTOFFS = (1, 5, 10)
"""The k of the built-in metrics recall@k."""


def by_chance(outcome: Outcome) -> dict[str, float]:
    """Return what metrics reach by a random order of the references, as expected over orders, by their ids.

    Those are the shares that follow from ranks and covers alone; none where queries have several true
    references, whose number an outcome does not hold.

    >>> from types import SimpleNamespace as Some
    >>> covers = np.array([[3, 4, -1]])
    >>> found = by_chance(Some(reference_count=50, covers=covers, extra={}))
    >>> round(found["recall@5"], 3), round(found["hit_rate"], 3), round(found["covered@1"], 3)
    (0.1, 0.021, 0.06)
    """
    if "average_precision" in outcome.extra:
        return {}
    count = outcome.reference_count
    cutoffs = {f"recall@{k}": k for k in PLAIN_CUTOFFS} | _per_cent_cutoffs(count)
    covers = (outcome.covers >= 0).sum(axis=1)
    return {id: min(k / count, 1.0) for id, k in cutoffs.items() if k} | {
        "hit_rate": float(np.mean(1 / (count - covers))),
        "covered@1": float(np.mean((1 + covers) / count)),
    }


def repeated(reference_count: int | None) -> dict[str, str]:
    """Return the metrics that are another one by construction among so many references, with that one.

    >>> repeated(1024), repeated(950), repeated(2000), repeated(None)
    ({'recall@1%': 'recall@10'}, {'recall@1%+1': 'recall@10'}, {}, {})
    """
    if reference_count is None:
        return {}
    cutoffs = _per_cent_cutoffs(reference_count)
    return {id: f"recall@{k}" for id, k in cutoffs.items() if k in PLAIN_CUTOFFS}


def _per_cent_cutoffs(count: int) -> dict[str, int]:
    """Return the k of `recall_at_percent` and of `recall_at_percent_plus_one`."""
    return {"recall@1%": count // 100, "recall@1%+1": int(0.01 * count) + 1}
