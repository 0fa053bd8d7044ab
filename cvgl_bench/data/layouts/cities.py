"""What the lists and label files of one city of a tiled data set say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.geometry import offset_m
from cvgl_bench.data.layouts.labels import LabelTable, OnFault, first_of_each, join, read_labels, read_names
from cvgl_bench.data.layouts.names import coordinates
from cvgl_bench.foundation.errors import DataError

Floats = NDArray[np.float64]

Report = Callable[[Path | str, int, str], None]
"""What is told of a fault: the file, the line, the reason."""


def refuse(path: Path | str, line: int, reason: str) -> None:
    """Raise DataError: the first fault ends the reading."""
    raise DataError(f"{path}, line {line}: {reason}.")


@dataclass(frozen=True, eq=False)
class City:
    """A city's tile list: names (T,), their lines in `source`, and the coordinates in the names."""

    name: str
    tiles: pa.Array
    line: NDArray[np.int32]
    source: Path
    lat: Floats
    lon: Floats


@dataclass(frozen=True, eq=False)
class CityLabels:
    """Labels of a city, with tiles as rows of its list.

    rows: int64 (L, 4), the positive's first; -1 for a tile that is not listed. lat, lon: float64 (L,),
    degrees, of the panoramas. offset_px: float64 (L, 4, 2), by the labels' numbers, pixels east and south
    from each tile's anchor to the panorama: the anchor is the tile's centre, or in an absolute convention
    its top-left corner.
    """

    city: City
    labels: LabelTable
    rows: NDArray[np.int64]
    lat: Floats
    lon: Floats
    offset_px: Floats

    @cached_property
    def offset_m(self) -> Floats:
        """(L, 4, 2) metres east and south from each tile's coordinate to the panorama's, by the names."""
        lat, lon = (np.append(values, np.nan)[self.rows] for values in (self.city.lat, self.city.lon))
        return offset_m(lat, lon, self.lat[:, None], self.lon[:, None])


def read_city(convention: Convention, path: Path, name: str, *, report: Report = refuse) -> City:
    """Read a city's tile list; faults go to `report`, and where that returns, the line is left out."""
    tiles, line = read_names(path, on_fault=_at(path, report))
    lat, lon = coordinates(
        tiles,
        convention.reference_name,
        where=str(path),
        on_fault=lambda row, reason: report(path, int(line[row]), reason),
    )
    return City(name, tiles, line, path, lat, lon)


def read_city_labels(
    convention: Convention, city: City, paths: Sequence[Path], *, report: Report = refuse
) -> CityLabels:
    """Read label files of a city as one table; faults go to `report`.

    Where that returns, lines that cannot be read and repeated ones are left out, an unlisted tile has
    row -1, and a name without coordinates has NaN.
    """
    labels = join([read_labels(path, on_fault=_at(path, report)) for path in paths])
    first = first_of_each(labels.queries)
    for row in np.flatnonzero(~first):
        name = labels.queries[row].as_py()
        report(*labels.where(row), f"'{name}' has a label before this one; remove one of them")
    labels = labels if first.all() else labels.take(np.flatnonzero(first))
    lat, lon = coordinates(
        labels.queries,
        convention.query_name,
        where="",
        on_fault=lambda row, reason: report(*labels.where(row), reason),
    )
    rows = np.stack([_rows(labels, tiles, city, report) for tiles in labels.tiles], axis=1)
    return CityLabels(city, labels, rows, lat, lon, _offset_px(convention, labels.numbers))


def _rows(labels: LabelTable, tiles: pa.Array, city: City, report: Report) -> NDArray[np.int64]:
    found = compute.index_in(tiles, value_set=city.tiles)
    if found.null_count:
        for row in np.flatnonzero(compute.is_null(found).to_numpy(zero_copy_only=False)):
            report(*labels.where(row), f"tile '{tiles[row].as_py()}' is not in {city.source}")
    return compute.fill_null(found, -1).to_numpy().astype(np.int64)


def _offset_px(convention: Convention, numbers: Floats) -> Floats:
    if convention.numbers == "offset":
        return np.stack([-numbers[..., 1], numbers[..., 0]], axis=-1)
    return numbers


def _at(path: Path, report: Report) -> OnFault:
    return lambda line, reason: report(path, line, reason)
