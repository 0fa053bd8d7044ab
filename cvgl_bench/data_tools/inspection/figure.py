"""The figure of a split: a map of tiles and queries for each city, and how decentral the queries are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data_tools.inspection.nearest import plane_m
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.figure_files import check_format, save_figure
from cvgl_bench.foundation.geo import mean_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cvgl_bench.data.splits import Split, Task

COLUMNS = 4
WIDTH_INCHES = 7.2
"""Width of a text page in print."""
NARROWEST_INCHES = 3.5
"""Width of a column in print; a narrower figure would cut its legend and labels off."""
WIDEST_PANEL_INCHES = 2.7
HISTOGRAM_INCHES = 2.1
DOTS_PER_INCH = 300
DOT_AREAS = (0.15, 5)
"""Smallest and largest area of a query's dot, in square points."""
BINS = (10, 15, 20, 25)
"""How many the histogram may have: multiples of five, so that the strata's edges are edges of bins."""
TILE_COLOUR = "#e3e6ea"
# From Okabe and Ito's palette, which colour-blind readers can tell apart, also in print.
TRAIN_COLOUR, TEST_COLOUR = "#0072b2", "#d55e00"
CITY_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#4d4d4d")
SCALE_STEPS_M = tuple(step * 10**power for power in range(1, 7) for step in (1, 2, 5))


def draw_figure(task: Task, path: Path) -> None:
    """Draw a split's cities and decentrality into a PDF, PNG or SVG file, whole or not at all."""
    check_format(path)
    if not (task.test.has_coordinates and task.test.has_scale):
        lacking = "scale" if task.test.has_coordinates else "coordinates"
        raise UsageError(f"{task.dataset.name} has no {lacking}, so there is no map to draw.")
    figure = _figure(task)
    save_figure(figure, path, dots_per_inch=DOTS_PER_INCH)


def _figure(task: Task) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    present = {*task.train.queries["city"], *task.test.queries["city"]}
    cities = [city for city in task.dataset.cities if city in present]
    columns = min(COLUMNS, len(cities))
    rows = -(-len(cities) // columns)
    panel_inches = min(WIDEST_PANEL_INCHES, WIDTH_INCHES / columns)
    heights = [1.25 * rows * panel_inches + 0.2, HISTOGRAM_INCHES]
    width = max(NARROWEST_INCHES, panel_inches * columns)
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    maps, below = figure.subfigures(2, 1, squeeze=False, height_ratios=heights).ravel()
    panels = maps.subplots(rows, columns, squeeze=False).ravel()
    for panel, city in zip(panels, cities, strict=False):
        _draw_city(panel, task, city)
    for panel in panels[len(cities) :]:
        panel.set_axis_off()
    handles = [
        Line2D([], [], marker="s", linestyle="", color=TILE_COLOUR, markersize=7, label="tiles"),
        Line2D([], [], marker=".", linestyle="", color=TRAIN_COLOUR, label="training queries"),
        Line2D([], [], marker=".", linestyle="", color=TEST_COLOUR, label="test queries"),
    ]
    maps.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    _draw_decentrality(below.subplots(), task)
    if len(set(task.test.queries["city"])) > 1:
        below.legend(loc="outside right center", frameon=False, fontsize=7)
    return figure


def _draw_city(panel: Axes, task: Task, city: str) -> None:
    from matplotlib.collections import PolyCollection

    split = task.test if city in set(task.test.references["city"]) else task.train
    tiles = split.references[split.references["city"] == city]
    about = mean_place(tiles["lat"], tiles["lon"])
    centres_km = plane_m(tiles["lat"].to_numpy(), tiles["lon"].to_numpy(), about=about) / 1000
    half_km = tiles[["width_px", "height_px"]].to_numpy() * tiles[["m_per_px"]].to_numpy() / 2000
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    squares = centres_km[:, None] + corners * half_km[:, None]
    panel.add_collection(PolyCollection(list(squares), facecolor=TILE_COLOUR, linewidth=0, rasterized=True))
    parts = [_places_km(part, city, about) for part in (task.train, task.test)]
    colours = np.repeat([TRAIN_COLOUR, TEST_COLOUR], [len(places) for places in parts])
    # Mixed, since otherwise the last colour would hide the first where queries are dense.
    order = np.random.default_rng(0).permutation(len(colours))
    area = float(np.clip(4000 / len(colours), *DOT_AREAS))
    places = np.concatenate(parts)[order]
    panel.scatter(places[:, 0], places[:, 1], s=area, color=colours[order], linewidth=0, rasterized=True)
    low, high = squares.min(axis=(0, 1)), squares.max(axis=(0, 1))
    middle, reach = (low + high) / 2, 0.53 * (high - low).max()
    # The map stands above a strip for the scale bar.
    panel.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - 1.2 * reach, middle[1] + reach))
    panel.set_aspect("equal")
    panel.set(xticks=[], yticks=[])
    panel.set_title(city, fontsize=9, pad=3)
    panel.set_xlabel(
        f"{len(tiles):,} tiles, {len(parts[0]):,} + {len(parts[1]):,} queries", fontsize=6, labelpad=2
    )
    panel.spines[:].set_linewidth(0.5)
    _draw_scale(panel, reach)


def _places_km(split: Split, city: str, about: tuple[float, float]) -> NDArray[np.float64]:
    rows = (split.queries["city"] == city).to_numpy()
    lat, lon = split.queries[["lat", "lon"]].to_numpy()[rows].T
    return plane_m(lat, lon, about=about) / 1000


def _draw_scale(panel: Axes, reach_km: float) -> None:
    """Draw a scale bar of a round length, about a quarter of the panel."""
    length_m = max(step for step in SCALE_STEPS_M if step <= max(10, reach_km * 1000 * 0.6))
    (left, right), (bottom, top) = panel.get_xlim(), panel.get_ylim()
    x, y = left + 0.03 * (right - left), bottom + 0.03 * (top - bottom)
    panel.plot([x, x + length_m / 1000], [y, y], color="black", linewidth=1.5, solid_capstyle="butt")
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m} m"
    panel.text(x + length_m / 1000 + 0.02 * (right - left), y, text, fontsize=6, va="center")


def _draw_decentrality(panel: Axes, task: Task) -> None:
    """Draw the share of each city's test queries by decentrality."""
    test = task.test
    cities = test.queries["city"].to_numpy()
    names = list(dict.fromkeys(cities))
    # As many bins as the queries of a city fill without looking ragged.
    filled = np.sqrt(len(test) / len(names))
    bins = max((count for count in BINS if count <= filled), default=BINS[0])
    edges = np.linspace(0, 1, bins + 1)
    for number, city in enumerate(names):
        counts, _ = np.histogram(test.decentrality[cities == city], edges)
        share = 100 * counts / counts.sum()
        colour = CITY_COLOURS[number % len(CITY_COLOURS)]
        panel.stairs(share, edges, color=colour, linewidth=1, label=city)
    counts, _ = np.histogram(test.decentrality, edges)
    panel.stairs(100 * counts / counts.sum(), edges, fill=True, color=TILE_COLOUR, zorder=0, label="all")
    for edge in task.dataset.decentrality_edges[1:-1]:
        panel.axvline(edge, color="black", linewidth=0.5, linestyle=":", zorder=0)
    panel.set(
        xlim=(0, 1), xlabel="decentrality (0: centre of the tile, 1: its corner)", ylabel="test queries (%)"
    )
    panel.tick_params(labelsize=7)
    panel.xaxis.label.set_fontsize(8)
    panel.yaxis.label.set_fontsize(8)
    panel.spines[["top", "right"]].set_visible(False)
