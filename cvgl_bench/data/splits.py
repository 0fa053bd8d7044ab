"""What a data set is once read: a task of two splits, and the geometry of each query."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.variants import PLAIN, Variant
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError

REFERENCE_COLUMNS = ("path", "name", "city", "lat", "lon", "height_px", "width_px", "m_per_px")
QUERY_COLUMNS = ("path", "name", "city", "lat", "lon")

AREA_SPLITS = ("same", "cross")
"""Splits whose test cities are those of training, or others."""


@dataclass(frozen=True, eq=False)
class Split:
    """Queries, references and the truth that links them.

    references: table with REFERENCE_COLUMNS; lat and lon are the tile's centre in degrees, path is
        relative to `root`, name is unique within the table (`<city>/<file name>`).
    queries: table with QUERY_COLUMNS.
    truth: int64 (Q,), row of each query's positive reference.
    covers: int64 (Q, K), rows of the semi-positives, -1 where there is none.
    position_px: float64 (Q, 2), x and y of the query in its positive tile, in the tile's own pixels
        (`height_px`, `width_px`), whatever size the stored image has. NaN throughout, as are lat and lon,
        where places have no coordinates.
    variant: what is done to each query image when it is read.
    also_true: int64 (Q, T), rows of further references that show the query's place as well as `truth`
        does, -1 where there is none. Ranks are those of the best of them all, and none of them counts
        as an error; covers, in contrast, do. Training pairs a query with `truth`.
    """

    name: str
    root: Path
    references: pd.DataFrame
    queries: pd.DataFrame
    truth: NDArray[np.int64]
    covers: NDArray[np.int64]
    position_px: NDArray[np.float64]
    variant: Variant = PLAIN
    also_true: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))

    def __post_init__(self) -> None:
        count = len(self.queries)
        _require_columns(self.name, self.references, REFERENCE_COLUMNS)
        _require_columns(self.name, self.queries, QUERY_COLUMNS)
        if self.truth.shape != (count,) or self.covers.ndim != 2 or len(self.covers) != count:
            raise DataError(f"Split '{self.name}': truth and covers need a row for each of {count} queries.")
        if self.position_px.shape != (count, 2):
            raise DataError(f"Split '{self.name}': position_px must have shape ({count}, 2).")
        outside = (self.truth < 0) | (self.truth >= len(self.references))
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise DataError(
                f"Split '{self.name}': the positive of query '{self.queries['name'].iloc[row]}' is not "
                f"among the {len(self.references)} references."
            )
        if ((self.covers < -1) | (self.covers >= len(self.references))).any():
            raise DataError(f"Split '{self.name}': a semi-positive is not among the references.")
        if not self.also_true.size:  # (0, 0) by default, or no query has a further one
            object.__setattr__(self, "also_true", np.empty((count, 0), np.int64))
        _require_also_true(self)
        if self.has_coordinates and not np.isfinite(self.position_px).all():
            raise DataError(f"Split '{self.name}': a query's position in its tile is not a number.")

    @cached_property
    def has_coordinates(self) -> bool:
        """Whether places have coordinates, and queries a position in their tiles: all of them or none."""
        places = [table[["lat", "lon"]].to_numpy(np.float64) for table in (self.queries, self.references)]
        return not all(np.isnan(values).all() for values in (*places, self.position_px))

    @cached_property
    def has_scale(self) -> bool:
        """Whether it is known how many metres a pixel of the references is."""
        return bool(np.isfinite(self.references["m_per_px"].to_numpy(np.float64)).all())

    @cached_property
    def truths(self) -> NDArray[np.int64]:
        """(Q, 1 + T) rows of every true reference, `truth` first, -1 where there is no further one."""
        return np.concatenate([self.truth[:, None], self.also_true], axis=1)

    @cached_property
    def tile_size_px(self) -> NDArray[np.int64]:
        """(Q, 2) height and width of each query's positive tile."""
        return self.references[["height_px", "width_px"]].to_numpy()[self.truth]

    @cached_property
    def decentrality(self) -> NDArray[np.float64]:
        """(Q,) offset of the query from its tile's centre: 0 at the centre, 1 at a corner."""
        return geo.decentrality(self.position_px, self.tile_size_px)

    @cached_property
    def border_m(self) -> NDArray[np.float64]:
        """(Q,) metres from the query to the nearest border of its tile, 0 outside; NaN where unknown."""
        width_height = self.tile_size_px[:, ::-1]
        to_border_px = np.minimum(self.position_px, width_height - self.position_px).min(axis=1)
        return np.maximum(to_border_px, 0.0) * self.references["m_per_px"].to_numpy(np.float64)[self.truth]

    @cached_property
    def offset_m(self) -> NDArray[np.float64]:
        """(Q,) distance in metres between the query and the centre of its tile, by the labels."""
        offset_px = np.linalg.norm(self.position_px - self.tile_size_px[:, ::-1] / 2, axis=1)
        return offset_px * self.references["m_per_px"].to_numpy()[self.truth]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of names, coordinates and labels: equal exactly where two splits are the same."""
        digest = hashlib.sha256()
        for table in (self.references, self.queries):
            digest.update("\n".join(table["name"]).encode())
            digest.update(np.ascontiguousarray(table[["lat", "lon"]].to_numpy(np.float64)).tobytes())
        for array in (self.truth, self.covers, *([self.also_true] if self.also_true.size else [])):
            digest.update(np.ascontiguousarray(array, np.int64).tobytes())
        digest.update(np.round(self.position_px, 6).tobytes())
        return digest.hexdigest()

    def of_queries(self, part: slice) -> Split:
        """Return the split of some of the queries, with all references."""
        return replace(
            self,
            queries=self.queries.iloc[part].reset_index(drop=True),
            truth=self.truth[part],
            covers=self.covers[part],
            position_px=self.position_px[part],
            also_true=self.also_true[part],
        )

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True, eq=False)
class Task:
    """Which split trains and which one tests, and on what label edition."""

    dataset: Dataset
    split: str
    train: Split
    test: Split
    label_edition: str
    partial: bool = False
    """True where the user chose a subset of the cities: not comparable with full results."""
    notes: tuple[str, ...] = ()
    """What the reader found and a person should know: the tile-coordinate convention, missing files."""


def split_title(split: str) -> str:
    """Return what a split is called in a sentence: 'same-area', 'cross-area', or its own name."""
    return f"{split}-area" if split in AREA_SPLITS else f"split {split}"


def _require_also_true(split: Split) -> None:
    also, count = split.also_true, len(split.queries)
    if also.ndim != 2 or len(also) != count:
        raise DataError(f"Split '{split.name}': also_true needs a row for each of {count} queries.")
    if ((also < -1) | (also >= len(split.references))).any():
        raise DataError(f"Split '{split.name}': a further true reference is not among the references.")
    ordered = np.sort(np.concatenate([split.truth[:, None], also], axis=1), axis=1)
    twice = ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        name = split.queries["name"].iloc[int(np.flatnonzero(twice)[0])]
        raise DataError(f"Split '{split.name}': a true reference of query '{name}' is named twice.")


def _require_columns(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"Split '{name}': a table lacks the columns {', '.join(missing)}.")
    if not table["name"].is_unique:
        double = table["name"][table["name"].duplicated()].iloc[0]
        raise DataError(f"Split '{name}': '{double}' occurs twice.")
