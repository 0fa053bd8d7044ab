"""Readers of on-disk layouts: from a data set's card and a folder to the splits of a task."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.data.layouts.presence import check_images
from cvgl_bench.foundation.errors import DataError, OptionError, UnknownNameError, suggest

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.splits import Task

__all__ = ["DATA_ROOT_VARIABLE", "LAYOUTS", "check_images", "find_root", "read_task", "require_cities"]

LAYOUTS = ("vigor", "dress", "cvusa", "cvact")
"""What a card's `layout` may be."""

DATA_ROOT_VARIABLE = "CVGL_DATA"
"""Environment variable with the folder that holds a folder for each data set, by its name."""


def find_root(
    dataset: Dataset, data_root: Path | None, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the data set's folder: `data_root` if given, else `<CVGL_DATA>/<name>`.

    None for a generated data set that is in neither place: it is made in the cache. DataError says
    what is expected and where to get it.
    """
    if data_root is not None:
        if not data_root.is_dir():
            raise DataError(f"--data-root {data_root} is not a folder. {_advice(dataset)}")
        inside = data_root / dataset.name
        return inside if inside.is_dir() else data_root
    parent = environ.get(DATA_ROOT_VARIABLE)
    if parent and (Path(parent) / dataset.name).is_dir():
        return Path(parent) / dataset.name
    if dataset.generated:
        return None
    looked = (
        f"{Path(parent) / dataset.name} is not a folder" if parent else f"{DATA_ROOT_VARIABLE} is not set"
    )
    raise DataError(
        f"Where is {dataset.name}? --data-root was not given and {looked}. {_advice(dataset)} "
        "To try things out now, --dataset mini-dress needs no data."
    )


def _advice(dataset: Dataset) -> str:
    expected = EXPECTED[dataset.layout]
    return f"Expected is a folder with {expected}. {dataset.access}".rstrip()


EXPECTED = {
    "vigor": "<City>/{panorama,satellite}/ (or {ground,satellite}/<City>/) and splits/<City>/*.txt",
    "dress": "<City>/{panorama,satellite}/ and splits_new/<City>/*.txt",
    "cvusa": "splits/{train,val}-19zl.csv, split_locations/all.csv, bingmap/ and streetview/",
    "cvact": "ACT_data.mat, ANU_data_small/ and, for the test splits, ANU_data_test/",
}


def read_task(
    dataset: Dataset,
    split: str,
    root: Path,
    *,
    cities: Sequence[str] | None = None,
    label_edition: str | None = None,
) -> Task:
    """Read the training and test splits of a data set from its folder; no image is opened.

    cities: restrict both splits to these, which marks the task partial. label_edition: the one that
    is wanted, where the card knows several; None takes what is there. Raises UsageError for a
    split, city or edition that does not exist, DataError for labels that cannot be used.
    """
    if split not in dataset.splits:
        raise UnknownNameError(
            f"{dataset.name} has no split '{split}'.{suggest(split, dataset.splits)} "
            f"Known: {', '.join(dataset.splits)}."
        )
    require_cities(dataset, cities or ())
    if dataset.layout in ("vigor", "dress"):
        from cvgl_bench.data.layouts import tiled as reader
    elif dataset.layout == "cvusa":
        from cvgl_bench.data.layouts import cvusa as reader
    else:
        from cvgl_bench.data.layouts import cvact as reader
    return reader.read_task(
        dataset, split, root, cities=tuple(cities or dataset.cities), label_edition=label_edition
    )


def require_cities(dataset: Dataset, cities: Sequence[str]) -> None:
    """Raise OptionError for a city that the data set does not have."""
    for city in cities:
        if city not in dataset.cities:
            raise OptionError(
                f"{dataset.name} has no city '{city}'.{suggest(city, dataset.cities)} "
                f"Known: {', '.join(dataset.cities)}."
            )
