"""The figure of a comparison: a metric against where queries lie in their tiles, one curve a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.figure_files import check_format, save_figure
from cvgl_bench.scoring.statistics import decentrality_curve
from cvgl_bench.scoring.statistics.curves import Axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.scoring.metrics import Metric

WIDTH_INCHES, HEIGHT_INCHES = 6.0, 3.6
DOTS_PER_INCH = 200
HISTOGRAM_BINS = 50
# Okabe and Ito's palette, which colour-blind readers can tell apart, also in print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

AXIS_NAMES: dict[Axis, str] = {"decentrality": "decentrality", "border_m": "distance to their tile's border"}
AXIS_LABELS: dict[Axis, str] = {
    "decentrality": "decentrality: 0 at the tile's centre, 1 at its corner",
    "border_m": "metres to the nearest border of the tile",
}


def decentrality_curves(
    groups: Mapping[str, Sequence[Outcome]], metric: Metric, *, axis: Axis = "decentrality"
) -> dict[str, pd.DataFrame]:
    """Return the curve of each method, the mean over its seeds; see `decentrality_curve`."""
    return {name: decentrality_curve(members, metric, axis=axis) for name, members in groups.items()}


def draw_curves(
    groups: Mapping[str, Sequence[Outcome]],
    metric: Metric,
    path: Path,
    *,
    title: str,
    axis: Axis = "decentrality",
) -> None:
    """Draw a metric against decentrality or metres to the border into a PDF, PNG or SVG file, or nothing.

    Raises UsageError for another ending, a metric that is not a mean, or queries of unknown position.
    """
    check_format(path)
    save_figure(curve_figure(groups, metric, title=title, axis=axis), path, dots_per_inch=DOTS_PER_INCH)


def curve_figure(
    groups: Mapping[str, Sequence[Outcome]],
    metric: Metric,
    *,
    title: str,
    axis: Axis = "decentrality",
) -> Figure:
    """Return the figure that `draw_curves` writes.

    Raises UsageError for a metric that is not a mean, or queries of unknown position.
    """
    from matplotlib.figure import Figure

    curves = decentrality_curves(groups, metric, axis=axis)
    if not any(len(curve) for curve in curves.values()):
        raise UsageError(f"No curve can be drawn: too few of the queries have a known {AXIS_NAMES[axis]}.")
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    counts, axes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [1, 6]})
    scale = 100 if metric.unit == "%" else 1
    for row, (name, curve) in enumerate(curves.items()):
        colour, x = COLOURS[row % len(COLOURS)], curve[axis]
        axes.fill_between(x, scale * curve["low"], scale * curve["high"], color=colour, alpha=0.15, lw=0)
        axes.plot(x, scale * curve["value"], color=colour, lw=1.6, label=name)
    at = getattr(next(iter(groups.values()))[0], axis)
    end = 1.0 if axis == "decentrality" else float(np.nanmax(at))
    # Where few queries lie a band may reach far over all curves, which would be pressed flat.
    drawn = [curve for curve in curves.values() if len(curve)]
    top = scale * max(min(curve["high"].max(), 2 * curve["value"].max()) for curve in drawn)
    axes.set(xlim=(0, end), ylim=(0, top or None), xlabel=AXIS_LABELS[axis])
    axes.set_ylabel(f"{metric.id}{f' ({metric.unit})' if metric.unit else ''} with 95 % band")
    figure.legend(loc="outside lower center", ncols=min(len(curves), 4), frameon=False)
    counts.hist(at[~np.isnan(at)], bins=np.linspace(0, end, HISTOGRAM_BINS + 1), color="0.75")
    counts.set_title(title, loc="left", fontsize=10)
    counts.set_ylabel("queries", fontsize=8, rotation=0, ha="right", va="center")
    counts.set_yticks([])
    for each in (counts, axes):
        each.spines[["top", "right"]].set_visible(False)
    axes.grid(True, lw=0.3, color="0.9")
    return figure
