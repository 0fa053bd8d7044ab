"""Finished runs read from their folders, and which of them are seeds of one method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvgl_bench.data.card_fields import DEFAULT_DECENTRALITY_EDGES
from cvgl_bench.data.splits import split_title
from cvgl_bench.foundation.errors import ResultError, UsageError
from cvgl_bench.foundation.places import LEADERBOARDS
from cvgl_bench.ranking.outcome import Outcome
from cvgl_bench.report.leaderboard.boards import row_key
from cvgl_bench.report.leaderboard.settings import differing_options, seed_of
from cvgl_bench.scoring.outcomes import outcome_of
from cvgl_bench.scoring.results import RESULT, Result, read_result
from cvgl_bench.scoring.statistics.strata import bin_edges

LONGEST_OPTIONS = 32
"""Options of more characters do not fit a table's heading; the folder names the method there."""


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """A run folder's record and outcome."""

    folder: Path
    result: Result
    outcome: Outcome


def read_runs(folders: Sequence[Path]) -> list[ComparedRun]:
    """Read finished runs of one split, or raise ResultError or UsageError naming the folder.

    A person's own leaderboards, which `runs/*` names too, are passed over.
    """
    runs = []
    for folder in folders:
        if folder == LEADERBOARDS:
            continue
        if not (folder / RESULT).is_file():
            raise ResultError(
                f"{folder} is not a finished run: it has no {RESULT}. Give run folders, such as "
                "runs/*-dress-cross."
            )
        result = read_result(folder / RESULT)
        runs.append(ComparedRun(folder, result, outcome_of(result, folder)))
    _require_distinct(runs)
    _require_one_split(runs)
    return runs


def group_runs(runs: Sequence[ComparedRun], *, pool: bool = True) -> dict[str, list[ComparedRun]]:
    """Return runs by the name that tables print; with `pool`, the seeds of one method together.

    Seeds of one method have the same options but for the seed. Where methods of one name differ in
    options or variant, the names say in which. Raises UsageError where a pool holds a seed twice.
    """
    groups: dict[tuple[Any, ...], list[ComparedRun]] = defaultdict(list)
    for run in runs:
        key = (run.result.task.variant, row_key(run.result))
        groups[key if pool else (*key, run.folder)].append(run)
    members = list(groups.values())
    for group in members:
        _require_distinct_seeds(group)
    return dict(zip(_names(members), members, strict=True))


def edges_of(run: ComparedRun) -> tuple[float, ...]:
    """Return the edges of the decentrality bins that a run was reported with."""
    return bin_edges(run.result.metrics.by_decentrality) or DEFAULT_DECENTRALITY_EDGES


def title_of(run: ComparedRun) -> str:
    """Return what a run was tested on: 'mini-dress, cross-area'."""
    return f"{run.result.task.dataset}, {split_title(run.result.task.split)}"


def _names(groups: Sequence[Sequence[ComparedRun]]) -> list[str]:
    """Return the method's name, with what tells methods of one name apart: options, variant, seed, folder."""
    firsts = [group[0] for group in groups]
    results = [run.result for run in firsts]
    options = [text if len(text) <= LONGEST_OPTIONS else "" for text in differing_options(results)]
    variants = ["" if r.task.variant == "none" else r.task.variant for r in results]
    seeds = [_seed_text(group) for group in groups]
    names = [
        " ".join(filter(None, (r.method.name, o, v)))
        for r, o, v in zip(results, options, variants, strict=True)
    ]
    for marks in (seeds, [run.folder.name for run in firsts], [str(run.folder) for run in firsts]):
        names = _told_apart(names, marks)
    return names


def _told_apart(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    """Return the names, equal ones with their marks where these tell all of them apart."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for name, mark in zip(names, marks, strict=True):
        by_name[name].append(mark)
    return [
        f"{name} {mark}" if len(by_name[name]) == len(set(by_name[name]) - {""}) > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]


def _seed_text(group: Sequence[ComparedRun]) -> str:
    """Return 'seed 3' for a single run whose record says so."""
    seeds = {seed_of(run.result) for run in group} - {None}
    return f"seed {seeds.pop()}" if len(group) == len(seeds) == 1 else ""


def _require_distinct(runs: Sequence[ComparedRun]) -> None:
    seen: dict[Path, Path] = {}
    for run in runs:
        first = seen.setdefault(run.folder.resolve(), run.folder)
        if first is not run.folder:
            raise UsageError(f"The run {run.folder} is given twice.")


def _require_one_split(runs: Sequence[ComparedRun]) -> None:
    for run in runs[1:]:
        ours, theirs = runs[0].result.task, run.result.task
        if ours.fingerprint != theirs.fingerprint:
            raise UsageError(
                f"{runs[0].folder} was tested on {_task(runs[0].result)}, {run.folder} on "
                f"{_task(run.result)}. Compare runs of one split: same data set, cities and labels."
            )


def _require_distinct_seeds(group: Sequence[ComparedRun]) -> None:
    seen: dict[int | None, Path] = {}
    for run in group:
        seed = seed_of(run.result)
        if seed in seen:
            raise UsageError(
                f"{seen[seed]} and {run.folder} are runs of the same method with the same options and seed "
                f"({'not recorded' if seed is None else seed}). Leave one out, or keep all runs apart with "
                "--no-pool."
            )
        seen[seed] = run.folder


def _task(result: Result) -> str:
    task = result.task
    parts = [task.dataset, task.split, task.label_edition, f"({', '.join(task.cities)})"]
    return " ".join(filter(None, parts)) + f" [{task.fingerprint[:8]}]"
