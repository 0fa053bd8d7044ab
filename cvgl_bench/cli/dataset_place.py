"""What the commands about data sets share: which one, where it is, and which part of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from cvgl_bench.splits import Dataset

Function = TypeVar("Function", bound=Callable)


def place_options(function: Function) -> Function:
    """Give a command the argument and options that say which copy of a data set is meant."""
    for decorate in (
        click.option("--labels", "label_edition", help="Label edition, where the data set has several."),
        click.option("--cities", help="Comma-separated subset of cities."),
        click.option(
            "--data-root",
            type=click.Path(path_type=Path),
            help="Folder of the data set. [env: CVGL_DATA/NAME]",
        ),
        click.argument("dataset"),
    ):
        function = decorate(function)
    return function


def find_card(dataset: str) -> Dataset:
    """Return a data set's card, by its name or its file."""
    from cvgl_bench import cards
    from cvgl_bench.plugins import load_plugins

    return cards.find_dataset(dataset, load_plugins())


def find_folder(card: Dataset, data_root: Path | None) -> Path:
    """Return a data set's folder; a generated one is made where it is missing."""
    from cvgl_bench import layouts
    from cvgl_bench.worlds import world_root

    return layouts.find_root(card, data_root) or world_root(card)


def split_cities(text: str | None) -> tuple[str, ...] | None:
    """Return the names in `--cities`, or None where it was not given."""
    return tuple(name.strip() for name in text.split(",")) if text else None
