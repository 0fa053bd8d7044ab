"""Results to build boards from."""

from __future__ import annotations

import pytest

from cvgl_bench.scoring.results import Estimate, MethodRecord, Metrics, Result, Selection, TaskRecord

BINS = ("0.0-0.5", "0.5-1.0")


def _share(value: float, count: int) -> Estimate:
    return Estimate(value=value, low=max(value - 0.02, 0), high=min(value + 0.02, 1), count=count)


@pytest.fixture
def make_result():
    """Return a function that makes a result with a given recall@1, changed where the test needs it."""

    def make(recall: float = 0.5, *, id: str = "a", seed: int = 1, **changes) -> Result:
        task = {"dataset": "city", "split": "cross", "cities": ["Aa", "Bb"], "query_count": 1000}
        task |= {"reference_count": 500, "fingerprint": "f" * 64, "train_fingerprint": "e" * 64}
        task |= changes.pop("task", {})
        method = {"name": "net", "title": "Net (2024)", "distribution": "cvgl-net", "version": "1.0"}
        method |= changes.pop("method", {})
        overall = {
            "recall@1": _share(recall, 1000),
            "hit_rate": _share(recall, 1000),
            "covered@1": _share(min(recall + 0.1, 1), 1000),
            "median_distance_m": Estimate(value=12.34, low=10.0, high=15.0, count=1000),
        }
        metrics = Metrics(
            overall=overall | changes.pop("overall", {}),
            by_decentrality={bin: {"recall@1": _share(recall, 500)} for bin in BINS},
        )
        options = {
            "training": {"epochs": 2, "seed": seed},
            "method": {"bim": True},
            "machine": {"workers": 3},
        }
        fields = {
            "origin": "measured",
            "created": "2026-01-01T00:00:00Z",
            "selection": Selection(rule="last", epoch=2),
            "options": options,
            "commit": "0123456789abcdef",
        }
        fields |= changes
        return Result(
            id=id, task=TaskRecord(**task), method=MethodRecord(**method), metrics=metrics, **fields
        )

    return make
