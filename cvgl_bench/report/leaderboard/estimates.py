"""How an estimate is printed."""

from __future__ import annotations

from cvgl_bench.scoring.results import Estimate

NO_VALUE = "–"

WHOLE_METRES_FROM = 1000.0
"""Decimetres are left out from here on."""

KILOMETRES_FROM_M = 10_000.0
"""Distances are printed in kilometres from here on."""


def print_value(value: float | None, unit: str) -> str:
    """Return a value as printed: fractions in per cent, metres with a decimal while it may matter, and km."""
    if value is None:
        return NO_VALUE
    if in_kilometres(value, unit):
        return f"{_number(value / 1000, unit)} km"
    return _number(value, unit)


def in_kilometres(value: float, unit: str) -> bool:
    """Return whether a distance is printed in kilometres."""
    return unit == "m" and abs(value) >= KILOMETRES_FROM_M


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """Return what a value is multiplied with to be printed, and in which unit: per cent, m, or km if far."""
    if in_kilometres(value, unit):
        return 1e-3, "km"
    return (100, unit) if unit == "%" else (1, unit)


def _number(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.2f}"
    if unit == "m":
        return f"{value:,.1f}" if abs(value) < WHOLE_METRES_FROM else f"{value:,.0f}"
    return f"{value:.4g}"


def print_estimate(estimate: Estimate | None, unit: str) -> str:
    """Return 'value [low, high]', the value alone where it has no interval, or a dash."""
    if estimate is None or estimate.value is None:
        return NO_VALUE
    if estimate.low is None or estimate.high is None:
        return print_value(estimate.value, unit)
    far = in_kilometres(estimate.value, unit)
    numbers = [n / (1000 if far else 1) for n in (estimate.value, estimate.low, estimate.high)]
    value, low, high = (_number(number, unit) for number in numbers)
    return f"{value} [{low}, {high}]{' km' if far else ''}"
