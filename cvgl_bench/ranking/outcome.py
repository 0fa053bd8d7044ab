"""What evaluation reduces to: a few numbers per query, from which every table can be recomputed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from cvgl_bench.data.splits import Split
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.foundation.whole_files import written_whole

OUTCOME = "outcome.parquet"
"""What a run folder calls its outcome."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Exact ranks of the truth in the float32 scores (`scores` defines them), 0 is best.

    Ties count against the method.

    rank: int64 (Q,), references that score at least as high as the truth, itself excluded.
    ties: int64 (Q,), of those, the ones that score exactly as high.
    rank_without_covers: int64 (Q,), `rank` with the query's covers left out of the references.
    top_rows: int64 (Q, k), rows of the best references, best first. Where scores are equal the
        truth comes last, then covers, then by row: ties count against the method here too.
    top_scores: float32 (Q, k), their scores.
    """

    rank: NDArray[np.int64]
    ties: NDArray[np.int64]
    rank_without_covers: NDArray[np.int64]
    top_rows: NDArray[np.int64]
    top_scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A ranking with what the metrics and strata need to know of each query.

    distance_m: float64 (Q,), geodesic distance from the query to the centre of the best reference.
    decentrality: float64 (Q,), 0 at the centre of the true tile, 1 at its corner.
    city: (Q,) str.
    truth: int64 (Q,), the first where several references are true; covers: int64 (Q, K) padded with -1.
    reference_count: number of references ranked.
    extra: further per-query columns by name, float64 (Q,), such as position errors in metres.
    tile_lat_lon: float64 (Q, 2), degrees of the true tile's centre; border_m: float64 (Q,), metres from the
        query to the nearest border of that tile. Both NaN where unknown, as in outcomes of version 0.1.
    """

    ranking: Ranking
    distance_m: NDArray[np.float64]
    decentrality: NDArray[np.float64]
    city: NDArray[np.str_]
    truth: NDArray[np.int64]
    covers: NDArray[np.int64]
    reference_count: int
    extra: dict[str, NDArray[np.float64]]
    tile_lat_lon: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))
    border_m: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.tile_lat_lon.size:
            object.__setattr__(self, "tile_lat_lon", np.full((len(self), 2), np.nan))
        if not self.border_m.size:
            object.__setattr__(self, "border_m", np.full(len(self), np.nan))

    def __len__(self) -> int:
        return len(self.truth)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per query; `top_rows`, `top_scores` and `covers` are lists."""
        own = "distance_m", "decentrality", "border_m", "city", "truth", "covers"
        columns = vars(self.ranking) | {name: getattr(self, name) for name in own}
        columns |= dict(zip(TILE_COLUMNS, self.tile_lat_lon.T, strict=True))
        columns |= {EXTRA_PREFIX + name: values for name, values in self.extra.items()}
        frame = pd.DataFrame({name: list(values) for name, values in columns.items()})
        frame.attrs["reference_count"] = self.reference_count
        return frame

    def save(self, path: Path) -> None:
        """Write the outcome as Parquet, whole or not at all; `pandas.read_parquet` reads it."""
        with written_whole(path) as temporary:
            self.to_frame().to_parquet(temporary, index=False)


EXTRA_PREFIX = "extra_"

TILE_COLUMNS = ("tile_lat", "tile_lon")

LATER_COLUMNS = ("border_m", *TILE_COLUMNS)
"""Columns that outcomes of version 0.1 lack."""


def outcome(
    ranking: Ranking, split: Split, *, extra: Mapping[str, NDArray[np.float64]] | None = None
) -> Outcome:
    """Join a ranking with the geometry of the split it ranked.

    extra: further per-query columns by name, (Q,). Raises DataError where the ranking or an extra
    column has another number of queries than the split, or names a reference the split lacks.
    """
    columns = {name: np.asarray(values, np.float64) for name, values in (extra or {}).items()}
    named = {f"Extra column '{name}'": values for name, values in columns.items()}
    for name, values in {"The ranking": ranking.rank, **named}.items():
        if values.shape != (len(split),):
            raise DataError(
                f"{name} has shape {values.shape}, but split '{split.name}' has {len(split)} queries. "
                "Rank the embeddings of this split."
            )
    best = ranking.top_rows[:, 0]
    if best.size and best.max() >= len(split.references):
        raise DataError(
            f"The ranking names reference {best.max()}, but split '{split.name}' has only "
            f"{len(split.references)}. Rank the embeddings of this split."
        )
    sides = split.queries, split.references
    here, there = (side[["lat", "lon"]].to_numpy(np.float64).T for side in sides)
    return Outcome(
        ranking=ranking,
        distance_m=geo.geodesic_m(*here, *there[:, best]),
        decentrality=split.decentrality,
        city=split.queries["city"].to_numpy(str),
        truth=split.truth,
        covers=split.covers,
        reference_count=len(split.references),
        extra=columns,
        tile_lat_lon=there.T[split.truth],
        border_m=split.border_m,
    )


def read_outcome(path: Path) -> Outcome:
    """Read what `Outcome.save` wrote, or raise DataError naming the file."""
    if not path.is_file():
        raise DataError(f"There is no outcome {path}; a run writes one.")
    try:
        frame = pd.read_parquet(path)

        def column(name: str, dtype: DTypeLike) -> NDArray[Any]:
            return np.array(frame[name].to_list(), dtype)

        types = zip(fields(Ranking), (np.int64, np.int64, np.int64, np.int64, np.float32), strict=True)
        frame = frame.assign(**{name: np.nan for name in LATER_COLUMNS if name not in frame})
        extra = [name for name in map(str, frame) if name.startswith(EXTRA_PREFIX)]
        return Outcome(
            ranking=Ranking(*(column(field.name, dtype) for field, dtype in types)),
            distance_m=column("distance_m", np.float64),
            decentrality=column("decentrality", np.float64),
            city=column("city", str),
            truth=column("truth", np.int64),
            covers=column("covers", np.int64),
            reference_count=int(frame.attrs["reference_count"]),
            extra={name.removeprefix(EXTRA_PREFIX): column(name, np.float64) for name in extra},
            tile_lat_lon=np.stack([column(name, np.float64) for name in TILE_COLUMNS], axis=1),
            border_m=column("border_m", np.float64),
        )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an outcome: {error}.") from None
