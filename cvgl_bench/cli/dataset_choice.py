"""What the commands about data sets share: which one, where it is, and which part of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.splits import Task
    from cvgl_bench.plugins import Plugins


@dataclass(frozen=True)
class DatasetChoice:
    """The copy of a data set that a command was given, looked up when it is used."""

    dataset: str
    data_root: Path | None
    cities: tuple[str, ...] | None
    label_edition: str | None

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins that are installed."""
        from cvgl_bench.plugins import load_plugins

        return load_plugins()

    @cached_property
    def card(self) -> Dataset:
        """The data set's card, by its name or its file."""
        from cvgl_bench.data import cards

        return cards.find_dataset(self.dataset, self.plugins.datasets)

    @cached_property
    def root(self) -> Path:
        """The data set's folder; a generated one is made where it is missing."""
        from cvgl_bench.data import layouts
        from cvgl_bench.data.worlds import world_root

        root = layouts.find_root(self.card, self.data_root, layouts=self.plugins.layouts)
        return root or world_root(self.card)

    def read_task(self, split: str | None) -> Task:
        """Read a split, the card's first if none is named."""
        from cvgl_bench.data import layouts

        name = split or next(iter(self.card.splits))
        return layouts.read_task(
            self.card,
            name,
            self.root,
            layouts=self.plugins.layouts,
            cities=self.cities,
            label_edition=self.label_edition,
        )


def choose_dataset(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument and options of a `DatasetChoice`, which becomes its first argument."""

    @functools.wraps(function)
    def with_choice(
        dataset: str, data_root: Path | None, cities: str | None, label_edition: str | None, **given: Any
    ) -> None:
        chosen = tuple(name.strip() for name in cities.split(",")) if cities else None
        function(DatasetChoice(dataset, data_root, chosen, label_edition), **given)

    decorated: Any = with_choice
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
        decorated = decorate(decorated)
    return decorated
