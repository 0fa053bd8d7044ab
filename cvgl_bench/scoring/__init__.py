"""From outcomes to numbers: metrics, statistics, the record of a result, and scores of bare arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvgl_bench.scoring.arrays import score

__all__ = ["score"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is first asked for."""
    if name != "score":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from cvgl_bench.scoring.arrays import score

    return score
