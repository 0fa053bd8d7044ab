"""The built-in plugin: what cvgl-bench itself offers, through the same hooks as everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvgl_bench.builtins.tensorboard import Curves
from cvgl_bench.hookspecs import hookimpl

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.layouts.layout import Layout
    from cvgl_bench.data_tools.fetch.provider import Provider
    from cvgl_bench.method import Method
    from cvgl_bench.running.run import Run
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Result
    from cvgl_bench.training.monitor import Measured


@hookimpl
def cvgl_methods() -> list[type[Method]]:
    """Offer the baselines, and the matcher that re-ranks."""
    from cvgl_bench.builtins.baselines import Chance, Frozen
    from cvgl_bench.builtins.bevmatch import BevMatch

    return [Chance, Frozen, BevMatch]


@hookimpl
def cvgl_datasets() -> list[Dataset]:
    """Offer the cards in `datasets/`."""
    from cvgl_bench.data.cards import builtin_cards

    return builtin_cards()


@hookimpl
def cvgl_layouts() -> list[Layout]:
    """Offer the layouts of published data sets."""
    from cvgl_bench.builtins.layouts import LAYOUTS

    return list(LAYOUTS)


@hookimpl
def cvgl_providers() -> list[type[Provider]]:
    """Offer XYZ tile services, and Street View with the user's key."""
    from cvgl_bench.data_tools.fetch.overhead import XyzProvider
    from cvgl_bench.data_tools.fetch.street import GoogleMapTiles

    return [XyzProvider, GoogleMapTiles]


@hookimpl
def cvgl_metrics() -> list[Metric]:
    """Offer the field's metrics."""
    from cvgl_bench.scoring.metrics import METRICS

    return list(METRICS)


CURVES = Curves()


@hookimpl
def cvgl_step_finished(run: Run, row: Measured) -> None:
    """Add the row to the run's curves in TensorBoard, where they are asked for."""
    if run.options.machine.tensorboard:
        CURVES.add(run.folder, row)


@hookimpl
def cvgl_run_finished(run: Run, result: Result) -> None:
    """Add the result to the leaderboards and rebuild their tables."""
    from cvgl_bench.report import leaderboard

    CURVES.close(run.folder)
    if run.leaderboard is not None:
        leaderboard.add(run.leaderboard, result)
        leaderboard.write(run.leaderboard, datasets=run.plugins.datasets)
