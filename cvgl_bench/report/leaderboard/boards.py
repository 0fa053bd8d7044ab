"""Which results stand in one table, and which are seeds of one row."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cvgl_bench.report.leaderboard.settings import plain, relevant_options, seed_of
from cvgl_bench.scoring.metrics import METRICS, RETIRED_METRICS, in_order
from cvgl_bench.scoring.results import Estimate, MethodRecord, Result
from cvgl_bench.scoring.statistics.paired import letters_of
from cvgl_bench.scoring.statistics.seeds import over_seeds, seed_deviation

MAIN_METRIC: Final = "recall@1"

BoardKey = tuple[str, tuple[str, ...], str, str, int | None, int | None]
"""The fields of a board that tell it from others."""

BUILT_IN_UNITS = {metric.id: metric.unit for metric in METRICS}


@dataclass(frozen=True)
class BoardRow:
    """Runs of one method with the same options: one a seed, the newest of each; older ones apart."""

    runs: tuple[Result, ...]
    superseded: tuple[Result, ...]

    @property
    def method(self) -> MethodRecord:
        """Who was tested."""
        return self.runs[0].method

    def estimate(self, metric: str, bin: str | None = None) -> Estimate | None:
        """Return a metric over the seeds, overall or in a decentrality bin; None where not reported."""
        found = self._estimates(metric, bin)
        return over_seeds(found, unit=self.unit(metric)) if len(found) == len(self.runs) else None

    def deviation(self, metric: str) -> float | None:
        """Return the standard deviation of a metric over the seeds."""
        return seed_deviation(self._estimates(metric, None))

    def summary(self, number: str) -> float | None:
        """Return the mean over seeds of one of the numbers that sum a run up, or None."""
        values = [run.summary.get(number) for run in self.runs]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if len(known) == len(values) else None

    def city_range(self, metric: str) -> tuple[float, float] | None:
        """Return the least and the greatest value by city, means over seeds; None with fewer than two."""
        by_city: dict[str, list[float]] = defaultdict(list)
        for run in self.runs:
            for city, table in run.metrics.by_city.items():
                if metric in table and (value := table[metric].value) is not None:
                    by_city[city].append(value)
        means = [statistics.fmean(values) for values in by_city.values() if len(values) == len(self.runs)]
        return (min(means), max(means)) if len(means) > 1 else None

    @property
    def has_earlier_intervals(self) -> bool:
        """Whether an interval was made by redrawing tiles alone, as in version 0.1."""
        return any(run.metrics.intervals == "bootstrap" for run in self.runs)

    def unit(self, metric: str) -> str:
        """Return the unit that the result records for a metric, else that of the built-in metric."""
        return self.runs[0].units.get(metric, BUILT_IN_UNITS.get(metric, ""))

    def _estimates(self, metric: str, bin: str | None) -> list[Estimate]:
        metrics = [run.metrics for run in self.runs]
        tables = [m.overall if bin is None else m.by_decentrality.get(bin, {}) for m in metrics]
        return [table[metric] for table in tables if metric in table]


@dataclass(frozen=True)
class Board:
    """Rows that may be compared: the same queries and references under the same rules.

    marks: why the rows are kept apart from the ranking, empty for those that are in it.
    """

    split: str
    marks: tuple[str, ...]
    label_edition: str
    fingerprint: str
    query_count: int | None
    reference_count: int | None
    rows: tuple[BoardRow, ...]

    @property
    def metrics(self) -> list[str]:
        """The metrics that some row reports: built-in ones in their order, then others by name."""
        found = {metric for row in self.rows for run in row.runs for metric in run.metrics.overall}
        return in_order(found - RETIRED_METRICS)

    @property
    def bins(self) -> list[str]:
        """The decentrality bins of all rows, by their lower edge."""
        found = {bin for row in self.rows for run in row.runs for bin in run.metrics.by_decentrality}
        return sorted(found, key=lambda bin: tuple(map(float, bin.split("-"))))

    @property
    def letters(self) -> list[str]:
        """The letters of each row: rows that share one cannot be told apart by the main metric."""
        return letters_of([row.estimate(MAIN_METRIC) for row in self.rows])

    @property
    def best(self) -> list[int]:
        """The numbers of the rows that cannot be told apart from the first."""
        return [number for number, marks in enumerate(self.letters) if "a" in marks]


def boards(results: Iterable[Result]) -> list[Board]:
    """Sort results into boards: the ranking of each split first, what is kept apart after it."""
    groups: dict[BoardKey, list[Result]] = defaultdict(list)
    for result in results:
        groups[_board_key(result)].append(result)
    return [Board(*key, _rows(groups[key])) for key in sorted(groups, key=_board_order)]


def marks_of(result: Result) -> tuple[str, ...]:
    """Return why a result does not stand in the ranking; empty if it does."""
    marks = []
    if result.origin == "embeddings":
        marks.append("embeddings made elsewhere")
    if result.task.partial:
        marks.append(f"a subset of the cities: {', '.join(result.task.cities)}")
    if result.task.variant != "none":
        marks.append(f"variant {result.task.variant}")
    if result.selection is not None and result.selection.rule == "test":
        marks.append("epoch chosen on the test split")
    return tuple(marks)


def _board_key(result: Result) -> BoardKey:
    task = result.task
    counts = (task.query_count, task.reference_count)
    return (task.split, marks_of(result), task.label_edition, task.fingerprint, *counts)


def _board_order(key: BoardKey) -> tuple[bool | int | str, ...]:
    split, marks, *rest = key
    # The two splits of the field in the order of every paper, then others by name.
    return (split != "same", split != "cross", split, len(marks), *map(str, (marks, *rest)))


def _rows(results: Iterable[Result]) -> tuple[BoardRow, ...]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[row_key(result)].append(result)
    return tuple(sorted(map(_row, groups.values()), key=_row_order))


def same_place(first: Result, second: Result) -> bool:
    """Return whether two results are runs of one seed of one row, of which the newer supersedes the older."""
    places = [(r.task.dataset, _board_key(r), row_key(r), seed_of(r)) for r in (first, second)]
    return places[0] == places[1]


def row_key(result: Result) -> str:
    """Return what the seeds of one row have in common; each file of foreign weights is its own row."""
    trained_here = bool(result.task.train_fingerprint)
    parts = {
        "method": result.method.model_dump(),
        "options": relevant_options(result),
        "trained_on": result.task.train_fingerprint,
        "weights": None if trained_here else result.checkpoint_sha256,
        "rule": result.selection.rule if result.selection else None,
    }
    return plain(parts)


def _row(results: list[Result]) -> BoardRow:
    newest_first = sorted(results, key=lambda result: (result.created, result.id), reverse=True)
    by_seed: dict[int | None, Result] = {}
    for result in newest_first:
        by_seed.setdefault(seed_of(result), result)
    runs = sorted(by_seed.values(), key=lambda result: (seed_of(result) or 0, result.id))
    kept = {result.id for result in runs}
    return BoardRow(tuple(runs), tuple(result for result in reversed(newest_first) if result.id not in kept))


def _row_order(row: BoardRow) -> tuple[float, str, str]:
    main = row.estimate(MAIN_METRIC)
    value = main.value if main is not None and main.value is not None else -1.0
    return (-value, row.method.title, row.runs[0].id)
