"""Read CV-Cities: a table of pairs a city, the panorama taken at the centre of its satellite image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import geometry
from cvgl_bench.data.layouts.recognition import require_edition
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.foundation.errors import DataError, UsageError

TABLE = "{city}/img_info.csv"
COLUMNS = ("name", "lon", "lat", "city", "reference", "query")
"""By position: the file has no header, and longitude comes first."""


def read_task(
    dataset: Dataset, split: str, root: Path, *, cities: Sequence[str], label_edition: str | None
) -> Task:
    """Read the pairs of the cities that train and of those that test; `cities` restricts both."""
    require_edition(dataset, label_edition)
    edition = dataset.label_editions[0] if dataset.label_editions else ""
    parts, partial = {}, False
    for part, every in dataset.splits[split].items():
        chosen = [city for city in every if city in cities]
        if not chosen:
            raise UsageError(
                f"Split '{split}' of {dataset.name} has its {part} queries in {', '.join(every)}; "
                f"--cities {','.join(cities)} leaves none of them."
            )
        partial |= len(chosen) < len(every)
        pairs = pd.concat([_read_city(dataset, root, city, edition) for city in chosen], ignore_index=True)
        parts[part] = _split(part, dataset, root, pairs)
    return Task(
        dataset=dataset,
        split=split,
        train=parts["train"],
        test=parts["test"],
        label_edition=edition,
        partial=partial,
    )


def _read_city(dataset: Dataset, root: Path, city: str, edition: str) -> pd.DataFrame:
    path = root / TABLE.format(city=city)
    try:
        table = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    if table.shape[1] != len(COLUMNS):
        raise DataError(f"{path} has {table.shape[1]} columns where {', '.join(COLUMNS)} are expected.")
    table = table.set_axis(COLUMNS, axis=1)
    degrees = table[["lat", "lon"]].apply(pd.to_numeric, errors="coerce")
    wrong = np.flatnonzero(~(degrees["lat"].abs().le(90) & degrees["lon"].abs().le(180)))
    if len(wrong):
        row = table.iloc[wrong[0]]
        raise DataError(
            f"{path}, line {wrong[0] + 1}: '{row['lon']}', '{row['lat']}' is no longitude and latitude."
        )
    line = np.arange(1, len(table) + 1, dtype=np.int32)
    has_scale = "zoom" in dataset.tile or "m_per_px" in dataset.tile
    scale = geometry.m_per_px(dataset, city, edition, degrees["lat"].to_numpy()) if has_scale else np.nan
    return table.assign(**degrees, city=city, source=str(path), line=line, m_per_px=scale)


def _split(name: str, dataset: Dataset, root: Path, pairs: pd.DataFrame) -> Split:
    height, width = dataset.tile["size_px"]
    # An image's own path names it: the first column is no file name.
    tables = {
        view: pairs[["city", "lat", "lon", "source", "line"]].assign(path=pairs[view], name=pairs[view])
        for view in ("reference", "query")
    }
    return Split(
        name=name,
        root=root,
        references=tables["reference"].assign(height_px=height, width_px=width, m_per_px=pairs["m_per_px"]),
        queries=tables["query"],
        truth=np.arange(len(pairs)),
        covers=np.empty((len(pairs), 0), np.int64),
        position_px=np.tile([width / 2, height / 2], (len(pairs), 1)),
    )
