"""How a difference between methods is printed, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench.report.comparison import SIGNIFICANCE
from cvgl_bench.report.leaderboard.estimates import scale_of

if TYPE_CHECKING:
    from cvgl_bench.report.comparison import Difference
    from cvgl_bench.scoring.metrics import Metric


def format_change(difference: Difference, unit: str) -> str:
    """Return a difference with its sign and interval, shares in points."""
    scale, shown = scale_of(difference.value, unit)
    text, end = f"{scale * difference.value:+.2f}", " km" if shown == "km" else ""
    if difference.low is None or difference.high is None:
        return text + end
    return f"{text} [{scale * difference.low:+.2f}, {scale * difference.high:+.2f}]{end}"


def format_p(p: float) -> str:
    """Return a p-value as printed: rounding never moves it over the 0.05 of a verdict beside it."""
    if p < 0.001:
        return "< 0.001"
    text = f"{p:.3f}"
    return f"< {SIGNIFICANCE}" if p < SIGNIFICANCE <= float(text) else text


def verdict(difference: Difference, metric: Metric) -> str:
    """Return what a difference says, in words."""
    if not difference.told_apart:
        return "cannot be told apart"
    better = difference.first if (difference.value > 0) == metric.higher_is_better else difference.second
    return f"{better} is better" if difference.claim == "methods" else f"these weights of {better} are better"
