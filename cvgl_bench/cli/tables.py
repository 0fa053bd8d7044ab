"""Tables of metrics for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.scoring.results import Estimate, Metrics

TEXT_WIDTH = 108


def metric_summary(found: Metrics, metrics: Mapping[str, Any], outcome: Outcome) -> str:
    """Return every metric overall, recall@1 by where queries lie in their tiles, and what to know of both."""
    from cvgl_bench.scoring.reading import by_chance, repeated, repeated_notes

    main = "recall@1"
    same = repeated(found.overall, outcome.reference_count)
    shown = {id: estimate for id, estimate in found.overall.items() if id not in same}
    notes = [*repeated_notes(same, outcome.reference_count), *undefined_notes(shown, metrics)]
    parts = ["\n".join([metric_table(shown, metrics, chance=by_chance(outcome)), *notes])]
    if found.by_decentrality:
        parts.append(stratum_table(found.by_decentrality, main, "decentrality"))
    if found.by_border:
        parts.append(stratum_table(found.by_border, main, "m to the border"))
    last = [city_note(found.by_city, main)]
    last += [width_note(found.overall[main], main)] if main in found.overall else []
    parts += [click.wrap_text(note, TEXT_WIDTH) for note in last if note]
    return "\n\n".join(parts)


def metric_table(
    estimates: Mapping[str, Estimate], metrics: Mapping[str, Any], *, chance: Mapping[str, float]
) -> str:
    """Return one row per metric: value, 95 % interval, what chance reaches where that is known, and count."""
    from tabulate import tabulate

    from cvgl_bench.scoring.metrics import in_order

    rows = []
    for id in in_order(estimates):
        estimate, unit = estimates[id], metrics[id].unit
        value, interval = format_value(estimate.value, unit), format_interval(estimate, unit)
        rows.append([id, value, interval, format_value(chance.get(id), unit), estimate.count])
    headers = ["metric", "value", "95 % interval", "by chance", "queries"]
    return tabulate(rows, headers=headers, disable_numparse=True)


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
    """Return a value as printed: per cent, metres or kilometres, '-' where it is undefined."""
    from cvgl_bench.report.leaderboard.estimates import scale_of

    if value is None:
        return "-"
    scale, shown = scale_of(value, unit)
    return f"{scale * value:.2f} {shown}".rstrip()


def format_interval(estimate: Estimate, unit: str) -> str:
    """Return the interval as printed, '-' where there is none."""
    from cvgl_bench.report.leaderboard.estimates import scale_of

    if estimate.low is None or estimate.high is None:
        return "-"
    scale, _ = scale_of(estimate.value or 0.0, unit)
    return f"{scale * estimate.low:.2f} - {scale * estimate.high:.2f}"
