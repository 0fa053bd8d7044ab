"""Read tiled data sets, where a city is cut into tiles and a query lies anywhere in its tile.

Several label conventions share one folder layout, such as VIGOR's (offsets from the tile's centre, names
with latitude first) and DReSS's (absolute positions in the tile, names with longitude first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import geometry
from cvgl_bench.data.layouts.cities import City, CityLabels, read_city, read_city_labels
from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.folders import image_folders, label_folders
from cvgl_bench.data.layouts.recognition import CENTRE, Found, recognise, require_edition
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import UsageError

Floats = NDArray[np.float64]


def read_task(
    dataset: Dataset,
    split: str,
    root: Path,
    *,
    cities: Sequence[str],
    label_edition: str | None,
    convention: Convention,
) -> Task:
    """Read the training and test splits of a tiled data set; `cities` restricts both."""
    require_edition(dataset, label_edition)
    parts = _chosen(dataset, split, cities)
    chosen = [name for name in dataset.cities if name in {*parts["train"], *parts["test"]}]
    same_area = parts["train"] == parts["test"]
    folder, others = label_folders(dataset, root, chosen, same_area=same_area, edition=label_edition)
    listed = {name: read_city(convention, folder.tile_list(name), name) for name in chosen}
    tables = {
        part: [
            read_city_labels(convention, listed[name], folder.label_files(name, part, same_area=same_area))
            for name in names
        ]
        for part, names in parts.items()
    }
    found = recognise(dataset, convention, [*tables["train"], *tables["test"]], label_edition)
    notes = [*found.faults, *folder.notes(found.edition, others)]
    if convention.numbers == "position":
        notes.append(f"the coordinate in a tile's name is taken for its {found.anchor.name}")
    builder = _Builder(dataset, convention, root, found)
    return Task(
        dataset=dataset,
        split=split,
        train=builder.split("train", tables["train"]),
        test=builder.split("test", tables["test"]),
        label_edition=found.edition,
        partial=any(set(parts[part]) != set(dataset.splits[split][part]) for part in parts),
        notes=tuple(notes),
    )


def _chosen(dataset: Dataset, split: str, cities: Sequence[str]) -> dict[str, list[str]]:
    parts = {}
    for part, every in dataset.splits[split].items():
        parts[part] = [name for name in every if name in cities]
        if not parts[part]:
            raise UsageError(
                f"Split '{split}' of {dataset.name} has its {part} queries in {', '.join(every)}; "
                f"--cities {','.join(cities)} leaves none of them."
            )
    return parts


@dataclass(frozen=True)
class _Builder:
    """Joins cities to one split."""

    dataset: Dataset
    convention: Convention
    root: Path
    found: Found
    known: dict[tuple[str, ...], pd.DataFrame] = field(default_factory=dict)

    def split(self, name: str, tables: list[CityLabels]) -> Split:
        first = np.cumsum([0, *(len(table.city.tiles) for table in tables)])
        rows = np.concatenate([table.rows + start for table, start in zip(tables, first[:-1], strict=True)])
        references = self._references_of([table.city for table in tables])
        queries = pd.concat([self._queries(table) for table in tables], ignore_index=True)
        if name == "train" and self.convention.training_references == "positives":
            references, rows = _keep_positives(references, rows)
        offset_px = np.concatenate([table.offset_px[:, 0] for table in tables])
        return Split(
            name=name,
            root=self.root,
            references=references,
            queries=queries,
            truth=rows[:, 0].copy(),
            # A label names four tiles; the positive again stands for a semi-positive there is not.
            covers=np.where(rows[:, 1:] == rows[:, :1], -1, rows[:, 1:]),
            position_px=self._position_px(offset_px),
        )

    def _references_of(self, cities: list[City]) -> pd.DataFrame:
        """Return the references of some cities; same-area training and test share one table."""
        key = tuple(city.name for city in cities)
        if key not in self.known:
            self.known[key] = pd.concat([self._references(city) for city in cities], ignore_index=True)
        return self.known[key]

    def _position_px(self, offset_px: Floats) -> Floats:
        if self.convention.numbers == "position":
            return offset_px
        height, width = self.dataset.tile["size_px"]
        return offset_px + np.array([width / 2, height / 2])

    def _references(self, city: City) -> pd.DataFrame:
        height, width = self.dataset.tile["size_px"]
        m_per_px = geometry.m_per_px(self.dataset, city.name, self.found.edition, city.lat)
        lat, lon, anchor = city.lat, city.lon, self.found.anchor
        if anchor is not CENTRE:
            east_m = (0.5 - anchor.x) * width * m_per_px
            south_m = (0.5 - anchor.y) * height * m_per_px
            lat = city.lat - np.degrees(south_m / geo.EARTH_RADIUS_M)
            lon = city.lon + np.degrees(east_m / geo.EARTH_RADIUS_M / np.cos(np.radians(lat)))
        _, folder = image_folders(self.root, city.name)
        source = pa.repeat(str(city.source), len(city.tiles))
        table = _table(city.name, city.tiles, folder, lat, lon, source, city.line)
        return table.assign(height_px=height, width_px=width, m_per_px=m_per_px)

    def _queries(self, table: CityLabels) -> pd.DataFrame:
        city, labels = table.city.name, table.labels
        folder, _ = image_folders(self.root, city)
        return _table(city, labels.queries, folder, table.lat, table.lon, labels.source, labels.line)


def _table(
    city: str,
    names: pa.Array,
    folder: str,
    lat: Floats,
    lon: Floats,
    source: pa.Array,
    line: NDArray[np.int32],
) -> pd.DataFrame:
    """Return the columns that references and queries share; source and line say where a row is listed."""
    return pd.DataFrame(
        {
            "path": compute.binary_join_element_wise(folder, names, "/").to_pandas(),
            "name": compute.binary_join_element_wise(city, names, "/").to_pandas(),
            "city": pa.repeat(city, len(names)).to_pandas(),
            "lat": lat,
            "lon": lon,
            "source": source.dictionary_encode().to_pandas(),
            "line": line,
        }
    )


def _keep_positives(
    references: pd.DataFrame, rows: NDArray[np.int64]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Keep the references that are a positive; covers that are none of them become -1."""
    kept = np.unique(rows[:, 0])
    new_row = np.full(len(references), -1, np.int64)
    new_row[kept] = np.arange(len(kept))
    return references.iloc[kept].reset_index(drop=True), new_row[rows]
