"""Read University-1652: a folder of images a place, for each view; what shows a place is in its folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.centred import expected_count
from cvgl_bench.data.layouts.recognition import require_edition
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.foundation.errors import DataError, UsageError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".webp")

FOLDERS = {
    "drone-satellite": {
        "train": ("train/drone", "train/satellite"),
        "test": ("test/query_drone", "test/gallery_satellite"),
    },
    "satellite-drone": {
        "train": ("train/satellite", "train/drone"),
        "test": ("test/query_satellite", "test/gallery_drone"),
    },
}
"""By split and part, the folders of queries and references."""


def read_task(
    dataset: Dataset, split: str, root: Path, *, cities: Sequence[str], label_edition: str | None
) -> Task:
    """Read one direction of University-1652; there are no coordinates, and no cities to choose from."""
    require_edition(dataset, label_edition)
    if set(cities) != set(dataset.cities):
        raise UsageError(f"{dataset.name} is read whole: leave out --cities.")
    parts = {
        part: _split(part, dataset, root, folders, city=dataset.splits[split][part][0])
        for part, folders in FOLDERS[split].items()
    }
    notes = []
    if (parts["train"].also_true >= 0).any():
        notes.append("training pairs each query with the first of its true references")
    expected = expected_count(dataset, split, "test") or 0
    return Task(
        dataset=dataset,
        split=split,
        train=parts["train"],
        test=parts["test"],
        label_edition=dataset.label_editions[0] if dataset.label_editions else "",
        partial=len(parts["test"]) < expected,
        notes=tuple(notes),
    )


def _split(name: str, dataset: Dataset, root: Path, folders: tuple[str, str], *, city: str) -> Split:
    queries, references = (_images(root, folder, city) for folder in folders)
    truths = _truths(queries, references, root / folders[1])
    height, width = dataset.tile["size_px"]
    return Split(
        name=name,
        root=root,
        references=references.assign(height_px=height, width_px=width, m_per_px=np.nan),
        queries=queries,
        truth=truths[:, 0],
        covers=np.empty((len(queries), 0), np.int64),
        position_px=np.full((len(queries), 2), np.nan),
        also_true=truths[:, 1:],
    )


def _images(root: Path, folder: str, city: str) -> pd.DataFrame:
    """Return the images below a folder, place by place; `source` and `line` are where each was found."""
    rows = []
    try:
        for place in sorted(entry.name for entry in os.scandir(root / folder) if entry.is_dir()):
            names = sorted(
                name for name in os.listdir(root / folder / place) if name.lower().endswith(IMAGE_SUFFIXES)
            )
            source = str(root / folder / place)
            rows += [(f"{folder}/{place}/{name}", place, source, n) for n, name in enumerate(names, 1)]
    except OSError as error:
        raise DataError(f"{root / folder} cannot be read: {error.strerror}.") from None
    if not rows:
        raise DataError(f"{root / folder} holds no images in folders of their places.")
    table = pd.DataFrame(rows, columns=["path", "place", "source", "line"])
    return table.assign(name=city + "/" + table["path"], city=city, lat=np.nan, lon=np.nan)


def _truths(queries: pd.DataFrame, references: pd.DataFrame, folder: Path) -> NDArray[np.int64]:
    """Return (Q, T) rows of the references of each query's place, padded with -1; T is at least 2.

    So average precision is reported where every query has one true reference, too: papers give it for both
    directions.
    """
    rows_of = {place: rows.to_numpy() for place, rows in references.groupby("place").groups.items()}
    most = max(2, *(len(rows) for rows in rows_of.values()))
    padded = {
        place: np.pad(rows, (0, most - len(rows)), constant_values=-1) for place, rows in rows_of.items()
    }
    strange = queries[~queries["place"].isin(padded)]
    if len(strange):
        first = strange.iloc[0]
        raise DataError(
            f"{first['path']} shows a place without a reference: {folder / first['place']} is missing."
        )
    truths = np.stack([padded[place] for place in queries["place"]]).astype(np.int64)
    return truths[:, : max(int((truths >= 0).sum(axis=1).max()), 2)]
