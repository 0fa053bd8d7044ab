"""The figures of a page, as SVG that takes the colour of the text around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.report.curve_figure import COLOURS, curve_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.report.page.inputs import ReportedRun
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Estimate

WIDTH_INCHES, HEIGHT_INCHES, CURVE_HEIGHT_INCHES = 4.6, 3.0, 3.6
"""Small, so that letters can be read on a phone."""

INK = "#0a0b0c"
"""Colour of text and lines, which a page replaces by that of its own text."""

FADED_INK = "#8a8b8c"
"""Of grids and of what is there for scale; seen on light and on dark ground."""

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
"""Of matplotlib: letters stay letters, and a '$' in a name is no formula."""

LEAST_METRES = 1.0
"""Where the axis of distances, which is logarithmic, begins."""

MOST_TICKS = 5
"""Labels of an axis of distances, between which there is room on a phone."""

Groups = Mapping[str, Sequence["Outcome"]]


def svg_text(figure: Figure, *, id: str) -> str:
    """Return a figure as an `svg` element; `id` keeps its inner names apart from other figures'."""
    import matplotlib

    file = StringIO()
    with matplotlib.rc_context(SETTINGS | {"svg.hashsalt": id}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return text[text.index("<svg") :].strip()


def inline(svg: str) -> str:
    """Return a figure in the colour of the text that it stands in."""
    return svg.replace(INK, "currentColor")


def decentrality_figure(groups: Groups, metric: Metric, *, title: str) -> str:
    """Return a metric against decentrality; UsageError where positions are unknown."""
    import matplotlib

    with matplotlib.rc_context(SETTINGS):
        figure = curve_figure(groups, metric, title=title)
        figure.set_size_inches(WIDTH_INCHES, CURVE_HEIGHT_INCHES)
        return svg_text(figure, id="decentrality")


def recall_figure(groups: Groups, estimates: Mapping[str, Mapping[str, Estimate]]) -> str:
    """Return recall among the best k references against k, with what chance reaches.

    estimates: recall@k by group and metric id, whose intervals are drawn.
    """
    import matplotlib

    count = next(iter(groups.values()))[0].reference_count
    ks = np.unique(np.round(np.geomspace(1, count, 200)).astype(np.int64))
    with matplotlib.rc_context(SETTINGS):
        figure, axes = _axes("k: references looked at, of " + f"{count:,}", "recall@k (%)")
        for row, (name, members) in enumerate(groups.items()):
            colour = COLOURS[row % len(COLOURS)]
            shares = np.mean([share_below(run.ranking.rank, ks) for run in members], axis=0)
            axes.plot(ks, 100 * shares, color=colour, lw=1.6, label=name)
            for id, estimate in estimates[name].items():
                if estimate.value is not None and estimate.low is not None and estimate.high is not None:
                    ends = [100 * estimate.low, 100 * estimate.high]
                    axes.plot([int(id.removeprefix("recall@"))] * 2, ends, color=colour, lw=4, alpha=0.35)
        axes.plot(ks, 100 * ks / count, color=FADED_INK, lw=1, ls="--", label="by chance")
        axes.set(xscale="log", xlim=(1, max(count, 2)), ylim=(0, 101))
        _whole_numbers(axes)
        _legend(figure, len(groups) + 1)
        return svg_text(figure, id="recall")


def distance_figure(groups: Groups) -> str:
    """Return the share of queries whose best reference lies within a distance, against the distance."""
    import matplotlib
    from matplotlib.ticker import LogLocator

    with matplotlib.rc_context(SETTINGS):
        figure, axes = _axes("distance from the query to the best reference's centre", "queries within (%)")
        longest = LEAST_METRES * 10
        for row, (name, members) in enumerate(groups.items()):
            distances = np.sort(np.concatenate([run.distance_m for run in members]))
            distances = distances[~np.isnan(distances)]
            longest = max(longest, float(distances.max(initial=0)))
            grid = np.geomspace(LEAST_METRES, longest, 300)
            shares = np.searchsorted(distances, grid, side="right") / max(len(distances), 1)
            axes.plot(grid, 100 * shares, color=COLOURS[row % len(COLOURS)], lw=1.6, label=name)
        axes.set(xscale="log", xlim=(LEAST_METRES, longest), ylim=(0, 101))
        axes.xaxis.set_major_locator(LogLocator(numticks=MOST_TICKS))
        axes.xaxis.set_major_formatter(_distance_tick)
        if len(groups) > 1:
            _legend(figure, len(groups))
        return svg_text(figure, id="distance")


def training_figure(reported: ReportedRun, *, id: str) -> str | None:
    """Return loss and learning rate against the step, or loss against the epoch, or None without either."""
    import matplotlib

    table, along = (reported.steps, "step") if reported.steps is not None else (reported.losses, "epoch")
    if table is None or along not in table or "total" not in table:
        return None
    with matplotlib.rc_context(SETTINGS):
        figure, axes = _axes(along, "loss")
        mark = "." if len(table) < 3 else ""
        axes.plot(table[along], table["total"], color=COLOURS[0], lw=1.4, marker=mark, label="loss")
        axes.set_ylim(bottom=min(0.0, float(table["total"].min())))
        if "learning_rate" in table:
            rate = axes.twinx()
            rate.plot(table[along], table["learning_rate"], color=COLOURS[1], lw=1.2, label="learning rate")
            rate.set_ylabel("learning rate")
            rate.set_ylim(bottom=0)
            rate.spines["top"].set_visible(False)
            rate.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        _legend(figure, 2)
        return svg_text(figure, id=id)


def share_below(rank: NDArray[np.int64], ks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of ranks below each k.

    >>> share_below(np.array([0, 3]), np.array([1, 3, 4]))
    array([0.5, 0.5, 1. ])
    """
    return np.searchsorted(np.sort(rank), ks, side="left") / len(rank)


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, lw=0.3, color=FADED_INK, alpha=0.5)
    return figure, axes


def _whole_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")


def _distance_tick(value: float, position: float) -> str:
    return f"{value:,.0f} m" if value < 1000 else f"{value / 1000:,.0f} km"


def _legend(figure: Figure, count: int) -> None:
    figure.legend(loc="outside lower center", ncols=min(count, 3), frameon=False)
