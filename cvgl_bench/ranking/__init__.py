"""From embeddings to per-query outcomes, exactly and in blocks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cvgl_bench.ranking.outcome import OUTCOME, Outcome, Ranking, outcome, read_outcome

if TYPE_CHECKING:
    from cvgl_bench.ranking.neighbours import nearest
    from cvgl_bench.ranking.ranking import rank

__all__ = [
    "OUTCOME",
    "Outcome",
    "Ranking",
    "nearest",
    "outcome",
    "rank",
    "read_outcome",
]

_LAZY = {"rank": "ranking", "nearest": "neighbours"}
"""What needs torch or faiss: imported when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
