"""`cvgl-bench dataset`: everything about data sets."""

from __future__ import annotations

import click

from cvgl_bench.cli import LazyGroup


class DatasetGroup(LazyGroup):
    """The commands about data sets, each in a module of its own."""

    commands_help = {
        "info": "Show a data set's card: cities, splits, licence, how to get it.",
        "verify": "Check a copy: labels, images, geometry, copies, leakage.",
        "stats": "Describe a split city by city, with a figure.",
        "show": "Draw a query: its panorama, its tile, its bird's-eye view.",
        "probe": "Look for shortcuts: can it be solved without seeing the place?",
        "export": "Write a split's rows as CSV, in the order that embeddings follow.",
        "fetch": "Download the images that a data set's lists name.",
        "build": "Make a data set of your own.",
        "plan": "See what tile sizes and overlaps would cost, before any download.",
    }
    module = "cvgl_bench.cli.dataset_{name}"


@click.group(name="dataset", cls=DatasetGroup)
def command() -> None:
    """Look at, check, fetch, build or plan a data set.

    Example:

        cvgl-bench dataset info mini-dress
    """
