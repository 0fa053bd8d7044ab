"""Intervals, strata, curves and paired tests over the per-query values of metrics."""

from cvgl_bench.scoring.statistics.curves import decentrality_curve, decentrality_numbers
from cvgl_bench.scoring.statistics.summary import summarise

__all__ = ["decentrality_curve", "decentrality_numbers", "summarise"]
