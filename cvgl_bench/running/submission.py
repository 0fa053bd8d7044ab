"""A finished run as a pull request takes it: checked, then copied into a clone's leaderboards."""

from __future__ import annotations

from pathlib import Path

from cvgl_bench.data.cards import builtin_cards, find_dataset
from cvgl_bench.data.worlds import reseeded, seed_of
from cvgl_bench.embedding.provenance import DIRTY
from cvgl_bench.foundation.errors import DataError, ResultError, UnknownNameError
from cvgl_bench.ranking import OUTCOME
from cvgl_bench.report import leaderboard
from cvgl_bench.report.leaderboard.boards import marks_of, same_place
from cvgl_bench.report.leaderboard.files import RESULTS, read_results
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.request import saved_request
from cvgl_bench.scoring.results import RESULT, Result, read_result

SHOWN_DIFFERENCES = 3
"""So many figures that do not follow from an outcome are named; the rest are counted."""


def submit(folder: Path, run_folder: Path, plugins: Offers) -> list[Path]:
    """Check a finished run, write what a pull request needs into a clone's leaderboards, return its files.

    These are the record, the outcome that it is verified with, and the pages that change. Nothing is written
    where ResultError says what is wrong with the run; no result that is there is replaced or superseded.
    """
    if not (folder / RESULTS).is_dir():
        raise ResultError(
            f"{folder} is not the leaderboards of a clone: it has no {RESULTS}/. Type this in a clone of the "
            "repository, or say by --folder where its leaderboards are."
        )
    if not (run_folder / RESULT).is_file():
        raise ResultError(
            f"{run_folder} is not a finished run: it has no {RESULT}. Give a folder that `run` wrote."
        )
    result = read_result(run_folder)
    faults = [
        *_faults_of_record(result),
        *_faults_of_dataset(result, run_folder, plugins),
        *_faults_of_figures(result, run_folder, plugins),
        *_faults_beside_others(result, folder),
    ]
    if faults:
        raise ResultError(f"{run_folder} cannot be submitted: {'; '.join(faults)}.")
    written = [
        leaderboard.add_outcome(folder, result.id, run_folder / OUTCOME),
        leaderboard.add(folder, result),
    ]
    return written + [folder / name for name in leaderboard.write(folder, datasets=plugins.datasets)]


def _faults_of_record(result: Result) -> list[str]:
    faults = []
    marks = marks_of(result)
    if marks:
        faults.append(
            f"it would be kept apart from the ranking ({'; '.join(marks)}); `leaderboard add` takes it for "
            "leaderboards of your own"
        )
    if result.commit is not None and result.commit.endswith(DIRTY):
        faults.append(
            "it was made by code that no commit holds, so nobody can repeat it; commit your changes and run "
            "it again"
        )
    return faults


def _faults_of_dataset(result: Result, run_folder: Path, plugins: Offers) -> list[str]:
    """Say where a run was not tested on a data set that comes with the harness, card and all."""
    name = result.task.dataset
    if result.origin != "measured":
        return []
    asked, _ = saved_request(run_folder)
    cards = {card.name: card for card in builtin_cards()}
    try:
        world, seed = seed_of(name)
        known = reseeded(cards[world], seed) if seed else cards[world]
        if find_dataset(asked.dataset, plugins.datasets) == known:
            return []
    except (KeyError, UnknownNameError):
        pass
    return [
        f"{name}, as it was tested on, is no data set that comes with the harness, so others could not "
        "compare with it; submit its card too, and run with that"
    ]


def _faults_of_figures(result: Result, run_folder: Path, plugins: Offers) -> list[str]:
    metrics = {id: entry.thing for id, entry in plugins.metrics}
    try:
        differences = leaderboard.recompute(result, run_folder / OUTCOME, metrics)
    except DataError as error:
        return [str(error).rstrip(".")]
    more = len(differences) - SHOWN_DIFFERENCES
    shown = differences[:SHOWN_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])
    return [f"its figures do not follow from its outcome: {', '.join(shown)}"] if shown else []


def _faults_beside_others(result: Result, folder: Path) -> list[str]:
    """Say where a result has the place of this one: a submission is never the newer run of a seed."""
    for other in read_results(folder):
        if other.id == result.id:
            return [f"{folder} holds it already"]
        if same_place(other, result):
            return [
                f"{folder} holds {other.id}, which is the same method, options and seed on the same split; "
                "a run of another seed joins its row"
            ]
    return []
