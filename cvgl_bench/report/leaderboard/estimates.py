"""How an estimate is printed."""

from __future__ import annotations

from cvgl_bench.scoring.results import Estimate

NO_VALUE = "–"

WHOLE_METRES_FROM = 1000.0
"""Decimetres are left out from here on."""


def print_value(value: float | None, unit: str) -> str:
    """Return a value as printed: fractions in per cent, metres with a decimal while it may matter."""
    if value is None:
        return NO_VALUE
    if unit == "%":
        return f"{100 * value:.2f}"
    if unit == "m":
        return f"{value:,.1f}" if abs(value) < WHOLE_METRES_FROM else f"{value:,.0f}"
    return f"{value:.4g}"


def print_estimate(estimate: Estimate | None, unit: str) -> str:
    """Return 'value [low, high]', the value alone where it has no interval, or a dash."""
    if estimate is None or estimate.value is None:
        return NO_VALUE
    text = print_value(estimate.value, unit)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{print_value(estimate.low, unit)}, {print_value(estimate.high, unit)}]"
