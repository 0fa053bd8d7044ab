"""The figure of a plan: size of the database against accuracy, and how decentral its queries are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvgl_bench.data_tools.building.sheets import stride_of
from cvgl_bench.data_tools.planning.tilings import Curve, Tiling, share_below
from cvgl_bench.foundation.figure_files import check_format, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (7.2, 3.4)
DOTS_PER_INCH = 300
# From Okabe and Ito's palette, which colour-blind readers can tell apart, also in print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^v<>p"
LARGEST_MARK = 8
CURVE_COLOUR = "#4d4d4d"
LEGEND_COLUMNS = 2
# Above the axes, since curves may run anywhere inside them.
LEGEND: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "fontsize": 7, "frameon": False}


def draw_plan(tilings: Sequence[Tiling], path: Path, *, curve: Curve | None = None) -> None:
    """Draw a plan into a PDF, PNG or SVG file, whole or not at all."""
    from matplotlib.figure import Figure

    check_format(path)
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_trade(left, tilings, curve)
    _draw_decentrality(right, tilings, curve)
    save_figure(figure, path, dots_per_inch=DOTS_PER_INCH)


def _draw_trade(axes: Axes, tilings: Sequence[Tiling], curve: Curve | None) -> None:
    """Draw every tiling by its number of tiles; lines join those that differ in overlap alone."""
    from matplotlib.lines import Line2D

    def height(tiling: Tiling) -> float:
        return tiling.median if curve is None or tiling.recall is None else 100 * tiling.recall

    shown = [tiling for tiling in tilings if curve is None or tiling.recall is not None]
    zooms, sizes = (list(dict.fromkeys(getattr(t, name) for t in shown)) for name in ("zoom", "tile_px"))
    for zoom, size in product(zooms, sizes):
        group = [t for t in shown if (t.zoom, t.tile_px) == (zoom, size)]
        axes.plot(
            [t.tiles for t in group],
            [height(t) for t in group],
            marker=MARKERS[sizes.index(size) % len(MARKERS)],
            color=COLOURS[zooms.index(zoom) % len(COLOURS)],
            lw=0.8,
            # Equal areas of two zooms coincide: the larger mark shows under the smaller.
            ms=LARGEST_MARK - 2 * min(zooms.index(zoom), 2),
            mec="white",
            mew=0.5,
        )
    axes.set_xscale("log")
    axes.set_xlabel("tiles in the database")
    if curve is None:
        axes.set_ylabel("median decentrality")
        axes.invert_yaxis()
    else:
        axes.set_ylabel(f"expected {curve.metric} (%)")
    handles = [Line2D([], [], color=COLOURS[n % len(COLOURS)], lw=2) for n in range(len(zooms))]
    handles += [
        Line2D([], [], ls="", marker=MARKERS[n % len(MARKERS)], color="0.4", ms=5) for n in range(len(sizes))
    ]
    labels = [f"zoom {zoom}" for zoom in zooms] + [f"{size} px" for size in sizes]
    axes.legend(handles, labels, ncols=LEGEND_COLUMNS, **LEGEND)
    _tidy(axes)


def _draw_decentrality(axes: Axes, tilings: Sequence[Tiling], curve: Curve | None) -> None:
    """Draw the share of queries below each decentrality, and the run's recall beside it."""
    at = np.linspace(0, 1, 201)
    for number, overlap in enumerate(dict.fromkeys(t.overlap for t in tilings)):
        first = next(t for t in tilings if t.overlap == overlap)
        stride = stride_of((first.tile_px, first.tile_px), overlap)[0] / first.tile_px
        colour = COLOURS[-1 - number % len(COLOURS)]
        axes.plot(at, 100 * share_below(at, stride), color=colour, label=f"overlap {100 * overlap:.0f} %")
    if curve is not None:
        edges = sorted(curve.recall)
        x = [edge for pair in edges for edge in pair]
        y = [100 * curve.recall[pair] for pair in edges for _ in pair]
        axes.plot(x, y, color=CURVE_COLOUR, ls="--", lw=1.2, label=f"{curve.metric} of the run")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 102)
    axes.set_xlabel("decentrality")
    axes.set_ylabel("queries below (%)" if curve is None else "queries below, and recall (%)")
    axes.legend(ncols=LEGEND_COLUMNS, **LEGEND)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_fontsize(8)
    axes.tick_params(labelsize=8)
    axes.grid(True, lw=0.3, color="0.9")
    axes.set_axisbelow(True)
