"""Finished runs with what a report shows beside their results: data, commands, and the course of training."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvgl_bench.data import cards
from cvgl_bench.data.variants import PLAIN, find_variant
from cvgl_bench.data.worlds import is_drawn
from cvgl_bench.foundation.errors import CvglError, DataError, in_one_line
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml
from cvgl_bench.report.leaderboard.settings import plain
from cvgl_bench.report.page.inputs import ReportedRun
from cvgl_bench.report.run_groups import ComparedRun
from cvgl_bench.running.folder import LOSSES, REQUEST, STEPS
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.request import Request, read_task, saved_request

if TYPE_CHECKING:
    import pandas as pd

    from cvgl_bench.data.splits import Split


def reported_runs(
    runs: Mapping[str, ComparedRun], plugins: Offers, *, data_root: Path | None = None
) -> list[ReportedRun]:
    """Return runs of one split by name as a page shows them; the data are read once.

    Data that are not where they were leave the pictures out, and a run says why. data_root: where they are
    now; then what cannot be read there raises DataError.
    """
    requests = {name: _request(run) for name, run in runs.items()}
    split, missing = _first_split(runs, requests, plugins, data_root)
    return [
        ReportedRun(
            name,
            run,
            split=None if split is None else _seen(split, run, plugins, requests[name]),
            missing=missing,
            command=_command(requests[name]),
            losses=_table(run.folder / LOSSES),
            steps=_table(run.folder / STEPS),
        )
        for name, run in runs.items()
    ]


def _request(run: ComparedRun) -> Request | None:
    """Return what was asked for, None where a folder does not say it, as that of `score` does not."""
    if not (run.folder / REQUEST).is_file():
        return None
    return saved_request(run.folder)[0]


def _first_split(
    runs: Mapping[str, ComparedRun],
    requests: Mapping[str, Request | None],
    plugins: Offers,
    data_root: Path | None,
) -> tuple[Split | None, str]:
    """Return the test split that the runs share, or None and why none of them leads to it."""
    missing = ""
    for name, run in runs.items():
        try:
            return _tested_split(run, requests[name], plugins, data_root), ""
        except CvglError as error:
            if data_root is not None:
                raise
            missing = missing or str(error)
    return None, missing


def _tested_split(
    run: ComparedRun, request: Request | None, plugins: Offers, data_root: Path | None
) -> Split:
    """Read the split that a run was tested on, by what was asked for or else by the record.

    Raises DataError where it is not what the record speaks of, or would first have to be generated.
    """
    task = run.result.task
    asked = request or Request(
        method=run.result.method.name,
        dataset=task.dataset,
        split=task.split,
        cities=tuple(task.cities) if task.partial else None,
        label_edition=task.label_edition or None,
    )
    root = data_root or asked.data_root
    card = cards.find_dataset(asked.dataset, plugins.datasets)
    if card.generated and root is None and not is_drawn(card):
        raise DataError(
            f"The generated world {card.name} is not in the cache; `cvgl-bench dataset verify {card.name}` "
            "draws it."
        )
    test = read_task(
        plugins,
        dataset=card,
        split=asked.split,
        data_root=root,
        cities=asked.cities,
        label_edition=asked.label_edition,
    ).test
    if test.fingerprint != task.fingerprint:
        raise DataError(
            f"The test split of {task.dataset} in {test.root} is not the one that the run in {run.folder} "
            "was tested on. Say with --data-root where that one is."
        )
    return test


def _seen(split: Split, run: ComparedRun, plugins: Offers, request: Request | None) -> Split:
    """Return a split with its queries seen as the run saw them."""
    card = cards.find_dataset(request.dataset if request else run.result.task.dataset, plugins.datasets)
    return dataclasses.replace(split, variant=find_variant(run.result.task.variant, card))


def _command(request: Request | None) -> str:
    """Return the command that repeats a run whatever recipes say by then: with every option."""
    if request is None:
        return ""
    words = ["cvgl-bench", "run", "--method", request.method, "--dataset", request.dataset]
    words += ["--split", request.split]
    flags = {
        "--data-root": request.data_root,
        "--cities": ",".join(request.cities) if request.cities else None,
        "--labels": request.label_edition,
        "--checkpoint": request.checkpoint,
        "--variant": None if request.variant == str(PLAIN) else request.variant,
    }
    words += [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
    words += ["--eval-only"] if request.eval_only else []
    for values in request.values.values():
        for key, value in values.items():
            words += ["--set", f"{key}={_written(value)}"]
    return shlex.join(words)


def _written(value: Any) -> str:
    """Return a value as --set reads it: a text that would be read as something else in quotes."""
    try:
        return value if isinstance(value, str) and read_yaml(value) == value else plain(value)
    except YamlError:
        return plain(value)


def _table(path: Path) -> pd.DataFrame | None:
    """Return a table of numbers that training wrote, None where there is none.

    Raises DataError for one that is not that.
    """
    import pandas as pd

    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path).astype(float)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a table of numbers: {in_one_line(error)}.") from None
    return table if len(table) else None
