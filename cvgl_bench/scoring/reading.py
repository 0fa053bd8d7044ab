"""What helps to read a figure: what chance reaches, and which metrics are one by construction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from cvgl_bench.scoring.metrics import RECALL_DEPTHS, per_cent_depth, per_cent_plus_one_depth

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome


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
    depths = {f"recall@{k}": k for k in RECALL_DEPTHS} | _per_cent_depths(count)
    covers = (outcome.covers >= 0).sum(axis=1)
    return {id: min(k / count, 1.0) for id, k in depths.items() if k} | {
        "hit_rate": float(np.mean(1 / (count - covers))),
        "covered@1": float(np.mean((1 + covers) / count)),
    }


def repeated(ids: Collection[str], reference_count: int | None) -> dict[str, str]:
    """Return which of some metrics are another one by construction among so many references, by their ids.

    >>> ids = ["recall@10", "recall@1%", "recall@1%+1"]
    >>> repeated(ids, 1024), repeated(ids, 950), repeated(ids, 2000), repeated(ids, None)
    ({'recall@1%': 'recall@10'}, {'recall@1%+1': 'recall@10'}, {}, {})
    """
    depths = {} if reference_count is None else _per_cent_depths(reference_count)
    return {id: f"recall@{k}" for id, k in depths.items() if id in ids and k in RECALL_DEPTHS}


def repeated_notes(same: Mapping[str, str], reference_count: int) -> list[str]:
    """Return what is said of the metrics that `repeated` found and a table leaves out.

    >>> repeated_notes({"recall@1%": "recall@10"}, 1024)
    ['recall@1% is recall@10 among 1,024 references.']
    """
    return [f"{id} is {other} among {reference_count:,} references." for id, other in same.items()]


def _per_cent_depths(count: int) -> dict[str, int]:
    return {"recall@1%": per_cent_depth(count), "recall@1%+1": per_cent_plus_one_depth(count)}
