"""The leaderboard folder: results and published figures in, pages out."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.foundation.whole_files import write_text, written_whole
from cvgl_bench.report.leaderboard.boards import Board, boards
from cvgl_bench.report.leaderboard.pages import MARKER, dataset_page, index_page
from cvgl_bench.report.leaderboard.published import Published, published_folder, read_published
from cvgl_bench.scoring.results import Result, read_result, write_result

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.foundation.registry import Registry

RESULTS = "results"
PUBLISHED = "published"

OUTCOMES = "outcomes"
"""Holds the outcome of a result, by its id, where it is kept beside it."""

INDEX = "README.md"


def read_results(folder: Path) -> list[Result]:
    """Read `results/*.json`; a file that is not named after its result's id raises ResultError."""
    results = []
    for path in _visible(folder / RESULTS, "*.json"):
        result = read_result(path)
        if path.stem != result.id:
            raise ResultError(f"{path} holds the result '{result.id}'; name the file after it.")
        _check_page(path, result.task.dataset)
        results.append(result)
    return results


def build(folder: Path, *, datasets: Registry[Dataset]) -> dict[str, str]:
    """Return the pages of a leaderboard folder, file name to text, without writing them.

    The text depends on the folder's files and, for data sets of which it has results but no published
    figures, on those that come with the harness; data sets only give their titles. Raises ResultError.
    """
    if not folder.is_dir():
        raise ResultError(
            f"{folder} is not a folder of leaderboards. A finished run makes one; --folder names another, "
            f"which holds {RESULTS}/ or {PUBLISHED}/."
        )
    results = read_results(folder)
    published = _read_published(folder / PUBLISHED)
    for name, figures in _read_published(published_folder()).items():
        if any(result.task.dataset == name for result in results):
            published.setdefault(name, figures)
    by_dataset: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_dataset[result.task.dataset].append(result)
    contents: dict[str, tuple[str, list[Board], Published | None]] = {}
    names = sorted({*by_dataset, *published})
    for name, other in combinations(names, 2):
        if name.casefold() == other.casefold():
            raise ResultError(
                f"{folder} holds results on '{name}' and on '{other}', whose pages some systems take for one."
            )
    for name in names:
        printed = published.get(name)
        title = printed.title if printed else datasets[name].title if name in datasets else name
        contents[f"{name}.md"] = (title, boards(by_dataset[name]), printed)
    pages = {file: dataset_page(*content) for file, content in contents.items()}
    return {INDEX: index_page(contents), **pages}


def write(folder: Path, *, datasets: Registry[Dataset]) -> list[str]:
    """Write the pages and remove generated ones that have no content left; return what changed."""
    pages = build(folder, datasets=datasets)
    changed = _stale(folder, pages)
    for name in changed:
        path = folder / name
        if path.exists() and not _is_generated(path):
            raise ResultError(f"{path} is not a generated page and is not overwritten; move it elsewhere.")
    for name in changed:
        if name in pages:
            write_text(folder / name, pages[name], error=ResultError)
        else:
            (folder / name).unlink()
    return changed


def check(folder: Path, *, datasets: Registry[Dataset]) -> list[str]:
    """Return the names of pages that `write` would change, add or remove."""
    return _stale(folder, build(folder, datasets=datasets))


def add(folder: Path, result: Result) -> Path:
    """Write a result into the folder under its id and return where; one that is there is refused."""
    if result.origin == "published":
        raise ResultError(
            f"'{result.id}' holds published figures; they belong in {folder / PUBLISHED}, with their source."
        )
    _make(folder / RESULTS)
    target = folder / RESULTS / f"{result.id}.json"
    write_result(result, target)
    return target


def add_outcome(folder: Path, id: str, outcome: Path) -> Path:
    """Copy an outcome into the folder under a result's id and return where; one that is there is refused."""
    target = folder / OUTCOMES / f"{id}{outcome.suffix}"
    _make(target.parent)
    with written_whole(target, exclusive=True, error=ResultError) as temporary:
        shutil.copyfile(outcome, temporary)
    return target


def outcomes_of(folder: Path) -> dict[str, Path]:
    """Return the outcomes that are kept beside results, by the id of the result."""
    return {path.stem: path for path in _visible(folder / OUTCOMES, "*.parquet")}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(
            f"{folder} cannot be made: {error.strerror}. Choose another folder of leaderboards; "
            "`cvgl-bench leaderboard add` puts a finished run there."
        ) from None


def _read_published(folder: Path) -> dict[str, Published]:
    found: dict[str, Published] = {}
    for path in _visible(folder, "*.yaml"):
        published = read_published(path)
        _check_page(path, published.dataset)
        if path.stem != published.dataset:
            raise ResultError(f"{path} holds figures of '{published.dataset}'; name the file after it.")
        found[published.dataset] = published
    return found


def _stale(folder: Path, pages: Mapping[str, str]) -> list[str]:
    stale = {path.name for path in folder.glob("*.md") if path.name not in pages and _is_generated(path)}
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            stale.add(name)
    return sorted(stale)


def _is_generated(path: Path) -> bool:
    return path.read_bytes().startswith(MARKER.encode())


def _visible(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern in order, without those that systems hide beside others."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def _check_page(path: Path, dataset: str) -> None:
    """Raise ResultError for a data set whose page would take the place of the index."""
    if f"{dataset}.md".casefold() == INDEX.casefold():
        raise ResultError(f"{path} is about the data set '{dataset}', whose page would be the index {INDEX}.")
