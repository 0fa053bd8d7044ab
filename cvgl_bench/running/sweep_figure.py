"""The figure of a sweep: each variant as it is seen, and what is left of the metric."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.data.loading import SplitImages
from cvgl_bench.data.splits import split_title
from cvgl_bench.foundation.figure_files import check_format, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cvgl_bench.running.sweep import Sweep

WIDTH_INCHES = 7.2
"""Width of a text page in print."""
ROW_INCHES, MARGIN_INCHES = 0.4, 1.1
DOTS_PER_INCH = 200
# From Okabe and Ito's palette, which colour-blind readers can tell apart, also in print.
PLAIN_COLOUR, APART_COLOUR, TOGETHER_COLOUR = "#0072b2", "#d55e00", "#7f7f7f"
COLOURS = {
    PLAIN_COLOUR: "plain",
    APART_COLOUR: "told apart from plain",
    TOGETHER_COLOUR: "not told apart",
}


def draw_sweep(found: Sweep, path: Path) -> None:
    """Draw a sweep into a PDF, PNG or SVG file, whole or not at all; it shows the split's first query."""
    from matplotlib.figure import Figure

    check_format(path)
    count = len(found.steps)
    figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * count + MARGIN_INCHES), layout="constrained")
    grid = figure.add_gridspec(count, 2, width_ratios=[1, 4.2])
    _draw_metric(figure.add_subplot(grid[:, 1]), found)
    for row, step in enumerate(found.steps):
        seen = figure.add_subplot(grid[row, 0])
        seen.imshow(SplitImages(replace(found.split, variant=step.variant)).query(0))
        seen.set(xticks=[], yticks=[])
        seen.spines[:].set_visible(False)
    save_figure(figure, path, dots_per_inch=DOTS_PER_INCH)


def _draw_metric(axes: Axes, found: Sweep) -> None:
    """Draw a row a variant: the value with its interval, and the plain value as a line."""
    scale = 100 if found.metric.unit == "%" else 1
    plain = found.steps[0].estimate.value
    if plain is not None:
        axes.axvline(scale * plain, color=PLAIN_COLOUR, lw=0.8, ls="--", zorder=0)
    for row, step in enumerate(found.steps):
        estimate = step.estimate
        if estimate.value is None:
            continue
        colour = APART_COLOUR if step.told_apart else TOGETHER_COLOUR
        colour = PLAIN_COLOUR if step.change is None else colour
        if estimate.low is not None and estimate.high is not None:
            axes.plot([scale * estimate.low, scale * estimate.high], [row, row], color=colour, lw=1.6)
        axes.plot(scale * estimate.value, row, "o", color=colour, ms=5)
    axes.set_yticks(range(len(found.steps)), [str(step.variant) for step in found.steps])
    for colour, meaning in COLOURS.items():
        axes.plot([], [], "o-", color=colour, lw=1.6, ms=5, label=meaning)
    axes.figure.legend(loc="outside lower right", ncols=len(COLOURS), fontsize=7, frameon=False)
    axes.set_ylim(len(found.steps) - 0.5, -0.5)
    axes.set_xlim(left=0)
    unit = f" ({found.metric.unit})" if found.metric.unit else ""
    axes.set_xlabel(f"{found.metric.id}{unit} with 95 % interval", fontsize=8)
    axes.set_title(
        f"{found.result.method.title} on {found.result.task.dataset}, {split_title(found.result.task.split)}",
        fontsize=9,
        loc="left",
    )
    axes.tick_params(labelsize=8, left=False)
    axes.grid(True, axis="x", lw=0.3, color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
