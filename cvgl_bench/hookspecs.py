"""The hooks of cvgl-bench: this file is their reference.

A plugin is a module with functions decorated by `cvgl_bench.hookimpl`, named in an entry point of
the group `cvgl_bench`. Offers take nothing and return a list; events take what happened and return
nothing. The built-in methods, data sets, layouts and metrics come in through these hooks too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.layouts.layout import Layout
    from cvgl_bench.data_tools.fetch.provider import Provider
    from cvgl_bench.method import Method
    from cvgl_bench.running.run import Run
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Result
    from cvgl_bench.training.monitor import Measured

PROJECT = "cvgl_bench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def cvgl_methods() -> list[type[Method]]:
    """Offer methods; called once, when a method is first listed or looked up.

    :return: classes derived from `Method`, `TrainableMethod` or `PairMethod`, each with a name of its own.
    """
    raise NotImplementedError


@hookspec
def cvgl_datasets() -> list[Dataset | Path]:
    """Offer data sets; called once, when a data set is first listed or looked up.

    :return: cards, as `Dataset` objects or as paths of YAML files.
    """
    raise NotImplementedError


@hookspec
def cvgl_layouts() -> list[Layout]:
    """Offer on-disk layouts; called once, before the first card is checked or data set read.

    A card names a layout, whoever offers it; `cvgl_bench.testing.check_layout` checks one.

    :return: `cvgl_bench.Layout` objects with names of their own; each reads what a card's folder holds.
    """
    raise NotImplementedError


@hookspec
def cvgl_providers() -> list[type[Provider]]:
    """Offer image providers for `dataset fetch`; called once, before the first download.

    :return: classes derived from `Provider`, each with a name of its own that a card can give.
    """
    raise NotImplementedError


@hookspec
def cvgl_metrics() -> list[Metric]:
    """Offer metrics; called once, before the first outcome is scored.

    :return: metrics with ids of their own; each gives one value per query, the harness does the rest.
    """
    raise NotImplementedError


@hookspec
def cvgl_step_finished(run: Run, row: Measured) -> None:
    """Called after a step whose row is in steps.csv: every `machine.log_every` steps, and an epoch's last.

    A run that was killed takes the steps after its last saved state again, and this is called for them again.

    :param run: the run in progress.
    :param row: the row by column: `step`, `epoch`, `learning_rate`, `total` and each loss term, and more.
    """


@hookspec
def cvgl_epoch_finished(run: Run, epoch: int, losses: dict[str, float]) -> None:
    """Called after an epoch's last step, before any validation; once, however often a run is resumed.

    :param run: the run in progress.
    :param epoch: number of the epoch that ended, from 1.
    :param losses: mean of every loss term over the epoch, and of their sum as 'total'.
    """


@hookspec
def cvgl_run_finished(run: Run, result: Result) -> None:
    """Called after the result is on disk, so that a failing listener cannot lose it.

    :param run: the run that ended; `run.folder` holds everything it wrote.
    :param result: the record that was written.
    """
