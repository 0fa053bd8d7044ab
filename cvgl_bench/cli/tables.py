"""Tables of metrics for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.report.comparison import Difference
    from cvgl_bench.scoring.results import Estimate, Metrics

TEXT_WIDTH = 108


def metric_summary(found: Metrics, metrics: Mapping[str, Any]) -> str:
    """Return every metric overall, recall@1 by where queries lie in their tiles, and what to know of both."""
    main = "recall@1"
    parts = ["\n".join([metric_table(found.overall, metrics), *undefined_notes(found.overall, metrics)])]
    if found.by_decentrality:
        parts.append(stratum_table(found.by_decentrality, main, "decentrality"))
    if found.by_border:
        parts.append(stratum_table(found.by_border, main, "m to the border"))
    notes = [city_note(found.by_city, main)]
    notes += [width_note(found.overall[main], main)] if main in found.overall else []
    parts += [click.wrap_text(note, TEXT_WIDTH) for note in notes if note]
    return "\n\n".join(parts)


def metric_table(estimates: Mapping[str, Estimate], metrics: Mapping[str, Any]) -> str:
    """Return one row per metric: value, 95 % interval and count."""
    from tabulate import tabulate

    from cvgl_bench.scoring.metrics import in_order

    rows = []
    for id in in_order(estimates):
        estimate, unit = estimates[id], metrics[id].unit
        rows.append([id, format_value(estimate.value, unit), format_interval(estimate, unit), estimate.count])
    return tabulate(rows, headers=["metric", "value", "95 % interval", "queries"], disable_numparse=True)


def stratum_table(strata: Mapping[str, Mapping[str, Estimate]], metric: str, title: str) -> str:
    """Return one row per stratum for a metric that is a share of the queries."""
    from tabulate import tabulate

    rows = [
        [
            name,
            format_value(found[metric].value, "%"),
            format_interval(found[metric], "%"),
            found[metric].count,
        ]
        for name, found in strata.items()
        if metric in found
    ]
    return tabulate(rows, headers=[title, metric, "95 % interval", "queries"], disable_numparse=True)


def city_note(by_city: Mapping[str, Mapping[str, Estimate]], metric: str) -> str | None:
    """Return the least and the greatest value of a share by city, None where there are not two cities."""
    values = {c: found[metric].value for c, found in by_city.items() if metric in found}
    known = {city: value for city, value in values.items() if value is not None}
    if len(known) < 2:
        return None
    least, greatest = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return (
        f"{metric} by city: {100 * known[least]:.2f} % ({least}) to {100 * known[greatest]:.2f} % "
        f"({greatest}). "
        "The intervals are for queries from these cities; others may lie outside."
    )


def width_note(estimate: Estimate, metric: str) -> str | None:
    """Return how much dependence between tiles widened an interval, None where it did not."""
    if estimate.widened is None or estimate.cut_off_m is None:
        return None
    return (
        f"{metric} depends between tiles up to {estimate.cut_off_m:.0f} m apart: its interval is "
        f"{estimate.widened**0.5:.2f} times as wide as for independent tiles."
    )


def undefined_notes(estimates: Mapping[str, Estimate], metrics: Mapping[str, Any]) -> list[str]:
    """Return, for each metric that no query has a value of, why that can be."""
    return [
        f"{id} is undefined: {metrics[id].undefined}."
        for id, estimate in estimates.items()
        if estimate.value is None and id in metrics and metrics[id].undefined
    ]


def format_value(value: float | None, unit: str) -> str:
    """Return a value as printed: per cent or metres, '-' where it is undefined."""
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if unit == "%" else f"{value:.2f} {unit}".rstrip()


def format_interval(estimate: Estimate, unit: str) -> str:
    """Return the interval as printed, '-' where there is none."""
    if estimate.low is None or estimate.high is None:
        return "-"
    scale = 100 if unit == "%" else 1
    return f"{scale * estimate.low:.2f} - {scale * estimate.high:.2f}"


def format_change(difference: Difference, unit: str) -> str:
    """Return a difference with its sign and interval, shares in points."""
    scale = 100 if unit == "%" else 1
    text = f"{scale * difference.value:+.2f}"
    if difference.low is None or difference.high is None:
        return text
    return f"{text} [{scale * difference.low:+.2f}, {scale * difference.high:+.2f}]"


def format_p(p: float) -> str:
    """Return a p-value as printed."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
