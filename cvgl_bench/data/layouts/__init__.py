"""Readers of on-disk layouts: from a data set's card and a folder to the splits of a task."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.contract import require_task
from cvgl_bench.data.layouts.layout import Layout, layout_of
from cvgl_bench.data.layouts.presence import check_images
from cvgl_bench.data.splits import Task
from cvgl_bench.foundation.errors import (
    DataError,
    OptionError,
    PluginError,
    UnknownNameError,
    suggest,
)
from cvgl_bench.foundation.registry import Registry

__all__ = [
    "DATA_ROOT_VARIABLE",
    "Layout",
    "check_images",
    "find_root",
    "layout_of",
    "read_task",
    "require_cities",
]

DATA_ROOT_VARIABLE = "CVGL_DATA"
"""Environment variable with the folder that holds a folder for each data set, by its name."""

NO_COORDINATES = (
    "there are no coordinates: metrics of distance and position, and strata of decentrality, are left out"
)


def find_root(
    dataset: Dataset,
    data_root: Path | None,
    *,
    layouts: Registry[Layout],
    environ: Mapping[str, str] = os.environ,
) -> Path | None:
    """Return the data set's folder: `data_root` if given, else the card's own, else `<CVGL_DATA>/<name>`.

    None for a generated data set that is in neither place: it is made in the cache. DataError says
    what is expected, by the layout that the card names, and where to get it.
    """
    layout = layout_of(dataset, layouts)
    advice = f"Expected is a folder with {layout.expected}. {dataset.access}".rstrip()
    if data_root is not None:
        if not data_root.is_dir():
            raise DataError(f"--data-root {data_root} is not a folder. {advice}")
        inside = data_root / dataset.name
        return inside if inside.is_dir() else data_root
    if dataset.folder:
        if not Path(dataset.folder).is_dir():
            raise DataError(
                f"The card of {dataset.name} says that its data are in {dataset.folder}, which is not a "
                f"folder. Say by --data-root where they are. {advice}"
            )
        return Path(dataset.folder)
    parent = environ.get(DATA_ROOT_VARIABLE)
    if parent and (Path(parent) / dataset.name).is_dir():
        return Path(parent) / dataset.name
    if dataset.generated:
        return None
    looked = (
        f"{Path(parent) / dataset.name} is not a folder" if parent else f"{DATA_ROOT_VARIABLE} is not set"
    )
    raise DataError(
        f"Where is {dataset.name}? --data-root was not given and {looked}. {advice} "
        "To try things out now, --dataset mini-dress needs no data."
    )


def read_task(
    dataset: Dataset,
    split: str,
    root: Path,
    *,
    layouts: Registry[Layout],
    cities: Sequence[str] | None = None,
    label_edition: str | None = None,
) -> Task:
    """Read the training and test splits of a data set from its folder; no image is opened.

    layouts: those that a card may name, `Plugins.layouts`. cities: restrict both splits to these, which
    marks the task partial. label_edition: the one that is wanted, where the card knows several; None
    takes what is there. Raises UsageError for a split, city or edition that does not exist, DataError
    for labels that cannot be used, PluginError for a layout that gives something other than a task.
    """
    layout = layout_of(dataset, layouts)
    if split not in dataset.splits:
        raise UnknownNameError(
            f"{dataset.name} has no split '{split}'.{suggest(split, dataset.splits)} "
            f"Known: {', '.join(dataset.splits)}."
        )
    require_cities(dataset, cities or ())
    reader = f"layout '{layout.name}' of {layouts.entry(layout.name).origin}"
    try:
        task = layout.read(
            dataset, split, root, cities=tuple(cities or dataset.cities), label_edition=label_edition
        )
        require_task(task)
    except DataError as error:
        raise DataError(f"{error} (Read by {reader}.)") from None
    except PluginError as error:
        raise PluginError(f"The {reader}: {error}") from None
    if not task.test.has_coordinates:
        return dataclasses.replace(task, notes=(*task.notes, NO_COORDINATES))
    return task


def require_cities(dataset: Dataset, cities: Sequence[str]) -> None:
    """Raise OptionError for a city that the data set does not have."""
    for city in cities:
        if city not in dataset.cities:
            raise OptionError(
                f"{dataset.name} has no city '{city}'.{suggest(city, dataset.cities)} "
                f"Known: {', '.join(dataset.cities)}."
            )
