"""The tables of a page: metrics, strata, paired differences, and the record of a run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cvgl_bench.report.changes import format_change, format_p, verdict, what_reranking_did
from cvgl_bench.report.comparison import OVERALL
from cvgl_bench.report.leaderboard.estimates import NO_VALUE, print_estimate, print_value
from cvgl_bench.report.leaderboard.settings import flat, plain, tuning_of
from cvgl_bench.scoring.metrics import in_order
from cvgl_bench.scoring.reading import by_chance, repeated, repeated_notes

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.report.comparison import Comparison
    from cvgl_bench.report.page.inputs import ReportedRun
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Estimate, Estimates, Result

S_PER_HOUR = 3600

STRATUM_METRICS = ("recall@1", "recall@5", "recall@10", "median_distance_m")
"""Metrics that tables of cities and of bins show of a run, where it has them."""

STRATUM_METRICS_OF_MANY = ("recall@1", "recall@10")
"""What they show where every run has a column a metric."""


@dataclass(frozen=True)
class Cell:
    """What a cell of a table says, and the number that it is sorted by."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=list)


def unit_of(id: str, result: Result, metrics: Mapping[str, Metric]) -> str:
    """Return the unit of a metric, by the record or else by who offers it."""
    return result.units.get(id, metrics[id].unit if id in metrics else "")


def summary(
    estimates: Mapping[str, Estimates], outcome: Outcome, result: Result, metrics: Mapping[str, Metric]
) -> Table:
    """Return a row a metric, a column a group, and what chance reaches, for scale.

    Metrics that are another one by construction are left out, and a note says so.
    """
    chance = by_chance(outcome)
    known = set.intersection(*(set(found) for found in estimates.values()))
    same = repeated(known, outcome.reference_count)
    rows = []
    for id in in_order(known - set(same)):
        unit = unit_of(id, result, metrics)
        rows.append(
            [
                Cell(f"{id} ({unit})" if unit else id),
                *(cell(found[id], unit) for found in estimates.values()),
                Cell(print_value(chance.get(id), unit), chance.get(id)),
            ]
        )
    notes = repeated_notes(same, outcome.reference_count)
    return Table(["metric", *estimates, "by chance"], rows, notes)


def cell(estimate: Estimate | None, unit: str) -> Cell:
    """Return an estimate with its interval."""
    return Cell(print_estimate(estimate, unit), None if estimate is None else estimate.value)


def strata(
    reported: Sequence[ReportedRun], part: str, title: str, metrics: Mapping[str, Metric]
) -> Table | None:
    """Return a row a stratum of the runs' records (`part`: a field of Metrics), a column a run and metric."""
    tables = [getattr(each.result.metrics, part) for each in reported]
    names = sorted(tables[0], key=_by_number)
    wanted = STRATUM_METRICS if len(reported) == 1 else STRATUM_METRICS_OF_MANY
    ids = [id for id in wanted if names and all(id in found for t in tables for found in t.values())]
    if not ids:
        return None
    units = {id: unit_of(id, reported[0].result, metrics) for id in ids}
    many = len(reported) > 1
    heads = [title, "queries"]
    heads += [f"{id} {each.name}" if many else id for id in ids for each in reported]
    rows = []
    for name in names:
        count = tables[0][name][ids[0]].count
        found = [cell(t.get(name, {}).get(id), units[id]) for id in ids for t in tables]
        rows.append([Cell(name), Cell(f"{count:,}", count), *found])
    return Table(heads, rows)


def _by_number(name: str) -> tuple[float, str]:
    """Return what orders strata as people do: by the number that a bin begins with, cities by name."""
    number = re.match(r"[0-9.]+", name)
    return (float(number[0]) if number else 0.0, name)


def differences(found: Comparison) -> Table:
    """Return a row a pair of groups and metric: the difference over all queries as `compare` prints it."""
    by_id = {metric.id: metric for metric in found.metrics}
    rows = [
        [
            Cell(d.metric),
            Cell(f"{d.first} − {d.second}"),
            Cell(format_change(d, by_id[d.metric].unit), d.value),
            Cell(format_p(d.p), d.p),
            Cell(verdict(d, by_id[d.metric])),
        ]
        for d in found.differences
        if d.stratum == OVERALL
    ]
    return Table(["metric", "pair", "difference (points or m)", "p", "verdict"], rows)


def facts(reported: ReportedRun) -> list[tuple[str, str]]:
    """Return what a record says of how a run was made, name and text."""
    result = reported.result
    task, selection = result.task, result.selection
    said = {
        "run": result.id,
        "made": result.created,
        "method": " ".join(filter(None, (result.method.title, _from(result)))),
        "test split": f"{task.dataset} {task.split}, {', '.join(task.cities)}",
        "labels": task.label_edition,
        "queries seen as": "" if task.variant == "none" else task.variant,
        "reported epoch": "" if selection is None else _selected(selection.rule, selection.epoch),
        "re-ranking": "" if result.reranking is None else what_reranking_did(result.reranking),
        "settings chosen by": tuning_of(result),
        "hours": ", ".join(f"{name} {_hours(seconds)}" for name, seconds in result.seconds.items()),
        "hardware": ", ".join(f"{name} {value}" for name, value in result.environment.items()),
        "versions": ", ".join(f"{name} {value}" for name, value in result.versions.items()),
        "commit": result.commit or "",
        "weights (SHA-256)": result.checkpoint_sha256 or "",
        "split (SHA-256)": task.fingerprint,
    }
    said |= {name: NO_VALUE if v is None else f"{v:.4g}" for name, v in result.summary.items()}
    return [(name, text) for name, text in said.items() if text]


def options(result: Result) -> list[tuple[str, str]]:
    """Return every recorded option, 'section.option' and value."""
    return [(name, _plain(value)) for name, value in flat(result.options).items()]


def _from(result: Result) -> str:
    method = result.method
    return f"({' '.join(filter(None, (method.distribution, method.version)))})" if method.distribution else ""


def _selected(rule: str, epoch: int | None) -> str:
    return "" if rule == "none" else f"{rule}, epoch {epoch}" if epoch is not None else rule


def _hours(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < S_PER_HOUR / 10 else f"{seconds / S_PER_HOUR:.2f} h"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else plain(value)
