"""What CVUSA and CVACT share: one tile per query, with the query in its centre."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import geometry
from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.errors import DataError

NAMED_MISSING = 5
"""How many missing ids a note names before it only counts."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Queries and their tiles, row by row.

    ids: (N,) str. query_paths, reference_paths: (N,) str, relative to the root. lat, lon and
    query_lat, query_lon: float64 (N,), degrees, of the tile and of the panorama. source, line: where
    each pair is listed.
    """

    ids: pd.Series
    query_paths: pd.Series
    reference_paths: pd.Series
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    query_lat: NDArray[np.float64]
    query_lon: NDArray[np.float64]
    source: str
    line: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> Pairs:
        """Return the pairs at `rows`."""
        values = dict(vars(self))
        for name, value in values.items():
            if isinstance(value, pd.Series):
                values[name] = value.iloc[rows].reset_index(drop=True)
            elif isinstance(value, np.ndarray):
                values[name] = value[rows]
        return Pairs(**values)

    def split(
        self, name: str, dataset: Dataset, root: Path, *, covers: NDArray[np.int64] | None = None
    ) -> Split:
        """Return a split in which pair n is query n and reference n, the query in the tile's centre."""
        (city,) = dataset.cities
        height, width = dataset.tile["size_px"]
        count = len(self)
        m_per_px = geometry.m_per_px(dataset, city, "", self.lat)
        listed: dict[str, Any] = {"city": city, "source": self.source, "line": self.line}
        references = pd.DataFrame(
            {"path": self.reference_paths, "name": city + "/" + self.ids, "lat": self.lat, "lon": self.lon}
        ).assign(**listed, height_px=height, width_px=width, m_per_px=m_per_px)
        queries = pd.DataFrame(
            {
                "path": self.query_paths,
                "name": city + "/" + self.ids,
                "lat": self.query_lat,
                "lon": self.query_lon,
            }
        ).assign(**listed)
        return Split(
            name=name,
            root=root,
            references=references,
            queries=queries,
            truth=np.arange(count),
            covers=np.empty((count, 0), np.int64) if covers is None else covers,
            position_px=np.tile([width / 2, height / 2], (count, 1)),
        )


def present(pairs: Pairs, root: Path, part: str) -> tuple[Pairs, list[str]]:
    """Leave out pairs of which an image is missing, as published code does, and say so in a note."""
    found = _files_in(root, {os.path.dirname(p) for paths in _paths(pairs) for p in paths})
    both = np.logical_and(*(paths.isin(found).to_numpy() for paths in _paths(pairs)))
    if both.all():
        return pairs, []
    if not both.any():
        example = " and ".join(str(root / paths.iloc[0]) for paths in _paths(pairs))
        raise DataError(f"None of the {len(pairs)} {part} pairs has its images, such as {example}.")
    missing = pairs.ids[~both]
    named = ", ".join(missing.iloc[:NAMED_MISSING]) + (", ..." if len(missing) > NAMED_MISSING else "")
    return pairs.take(np.flatnonzero(both)), [
        f"{len(missing)} {part} pairs are left out for want of an image: {named}"
    ]


def _paths(pairs: Pairs) -> Sequence[pd.Series]:
    return pairs.query_paths, pairs.reference_paths


def _files_in(root: Path, folders: set[str]) -> set[str]:
    found: set[str] = set()
    for folder in sorted(folders):
        try:
            with os.scandir(root / folder) as entries:
                found.update(f"{folder}/{entry.name}" for entry in entries)
        except FileNotFoundError:
            continue
    return found


def expected_count(dataset: Dataset, split: str, part: str) -> int | None:
    """Return how many pairs the card states for a part; test splits may have counts of their own."""
    count = dataset.counts.get(part)
    if part == "test":
        count = dataset.counts.get(split, count)
    return None if count is None else int(count)


def is_partial(dataset: Dataset, split: str, test: Pairs) -> bool:
    """Return whether there are fewer test pairs than the card says: results are then not comparable."""
    return len(test) < (expected_count(dataset, split, "test") or 0)
