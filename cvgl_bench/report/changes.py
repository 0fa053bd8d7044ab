"""How differences are printed, and what they say: between methods, and by re-ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench.report.comparison import SIGNIFICANCE
from cvgl_bench.report.leaderboard.estimates import scale_of

if TYPE_CHECKING:
    from cvgl_bench.report.comparison import Difference
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import RerankingRecord


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


def what_reranking_did(record: RerankingRecord) -> str:
    """Return who re-ranked, what came of it, and at which price."""
    before, after, most = (
        100 * share for share in (record.recall_before, record.recall_after, record.recall_of_top)
    )
    way = "" if record.recovered is None else f", {100 * record.recovered:.0f} % of the way"
    return (
        f"{record.method.name} takes recall@1 from {before:.2f} to {after:.2f} %, of {most:.2f} % that "
        f"{record.top} references hold{way}; {record.gained} queries gained, {record.lost} lost, "
        f"{record.ms_per_query:.3g} ms a query"
    )
