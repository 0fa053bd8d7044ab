"""Check the lists and labels of a tiled data set line by line, going on after a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.cities import City, CityLabels, read_city, read_city_labels
from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.findings import Findings
from cvgl_bench.data.layouts.folders import ALL_LABELS, LabelFolder, label_folders
from cvgl_bench.data.layouts.geometry import m_per_px
from cvgl_bench.data.layouts.recognition import Found, recognise
from cvgl_bench.foundation.errors import DataError

GEOMETRY_TOLERANCE = 0.03
"""Largest difference between a label and the coordinates in the names, as a share of the tile's side.

VIGOR's corrected labels differ by up to 0.8 %, since they were computed on another Earth.
"""

WHOLE_FILE = 0.5
"""Where more than this share of a file's labels disagrees, the file is named once instead of every line."""


@dataclass
class CityFiles:
    """What a city's files say: labels by part (`train`, `test`, and `whole` where there is such a file)."""

    city: City
    labels: dict[str, CityLabels] = field(default_factory=dict)


def check_labels(
    found: Findings,
    dataset: Dataset,
    root: Path,
    *,
    cities: Sequence[str],
    label_edition: str | None,
    convention: Convention,
) -> list[CityFiles]:
    """Check all lists and labels of `cities`, taking problems down in `found`; return what was read."""
    same_area = any(set(split["train"]) == set(split["test"]) for split in dataset.splits.values())
    try:
        folder, others = label_folders(dataset, root, cities, same_area=same_area, edition=label_edition)
    except DataError as error:
        found.add("missing", root, str(error))
        there = [city for city in cities if _has_labels(dataset, root, city, same_area, label_edition)]
        if not there or len(there) == len(cities):
            return []
        names = ",".join(there)
        found.notes.append(f"all labels are there of {names} alone; --cities {names} asks for no others")
        return check_labels(
            found, dataset, root, cities=there, label_edition=label_edition, convention=convention
        )
    read = [_read(found, convention, folder, name, same_area) for name in cities]
    tables = [table for files in read for table in files.labels.values()]
    found.checked["labels"] = sum(len(table.labels) for table in tables)
    usable = [table for table in tables if np.isfinite(table.offset_m[:, 0]).any()]
    if not usable:
        return read
    try:
        recognised = recognise(dataset, convention, usable, label_edition)
    except DataError as error:
        found.add("geometry", root / folder.name, str(error))
        return read
    found.notes += folder.notes(recognised.edition, others)
    _take_down(found, dataset, recognised, root / folder.name)
    for files in read:
        for table in files.labels.values():
            _check_geometry(found, dataset, convention, recognised, table)
        _check_parts(found, files)
    return read


def _take_down(found: Findings, dataset: Dataset, recognised: Found, folder: Path) -> None:
    """Write down what kind of labels these are, and what about them does not fit."""
    found.label_edition = recognised.edition
    found.tile_coordinate = recognised.anchor.name
    found.m_per_px = {
        name: (scale, float(m_per_px(dataset, name, recognised.edition, lat)))
        for name, (scale, lat) in recognised.measured.items()
        if np.isfinite(scale)
    }
    for fault in recognised.faults:
        found.add("geometry", folder, fault)


def _has_labels(dataset: Dataset, root: Path, city: str, same_area: bool, edition: str | None) -> bool:
    try:
        label_folders(dataset, root, (city,), same_area=same_area, edition=edition)
    except DataError:
        return False
    return True


def _read(
    found: Findings, convention: Convention, folder: LabelFolder, name: str, same_area: bool
) -> CityFiles:
    city = read_city(convention, folder.tile_list(name), name, report=found.report)
    parts = {"whole": folder.label_files(name, "train", same_area=False)}
    if same_area:
        halves = {part: folder.label_files(name, part, same_area=True) for part in ("train", "test")}
        has_whole = len(parts["whole"]) == 1
        parts = halves | (parts if has_whole else {})
    files = CityFiles(city)
    for part, paths in parts.items():
        files.labels[part] = read_city_labels(convention, city, paths, report=found.report)
    return files


def _check_geometry(
    found: Findings, dataset: Dataset, convention: Convention, recognised: Found, table: CityLabels
) -> None:
    size = np.array(dataset.tile["size_px"][::-1], np.float64)
    corner_px = size / 2 if convention.numbers == "offset" else np.zeros(2)
    position_px = table.offset_px[:, 0] + corner_px
    for row in np.flatnonzero(((position_px < 0) | (position_px > size)).any(axis=1)):
        x, y = position_px[row]
        found.add(
            "outside",
            table.labels.source[row].as_py(),
            f"'{table.labels.queries[row].as_py()}' lies outside its tile, at x = {x:.1f}, y = {y:.1f} of "
            f"{size[0]:.0f} x {size[1]:.0f} px",
            line=int(table.labels.line[row]),
        )
    for row in _repeating(table.rows):
        where, line = table.labels.where(row)
        found.add("label", where, "one tile is named twice in a label", line=line)
    _check_against_names(found, dataset, convention, recognised, table)


def _check_against_names(
    found: Findings, dataset: Dataset, convention: Convention, recognised: Found, table: CityLabels
) -> None:
    """Compare each label with the coordinates in its names."""
    size = np.array(dataset.tile["size_px"][::-1], np.float64)
    scale = m_per_px(dataset, table.city.name, recognised.edition, table.lat)
    by_names_px = table.offset_m / scale[:, None, None]
    if convention.numbers == "position":
        by_names_px += np.array([recognised.anchor.x, recognised.anchor.y]) * size
    away_px = np.abs(table.offset_px - by_names_px).max(axis=2)
    wrong = away_px > GEOMETRY_TOLERANCE * size.min()
    rows = np.flatnonzero(wrong.any(axis=1))
    if len(rows) > WHOLE_FILE * len(table.labels):
        found.add(
            "geometry",
            table.labels.source[0].as_py(),
            f"{len(rows)} of {len(table.labels)} labels disagree with the coordinates in the names, by "
            f"{np.nanmedian(away_px[rows].max(axis=1)):.0f} px in the middle",
        )
        return
    for row in rows:
        tile = int(np.nanargmax(away_px[row]))
        where, line = table.labels.where(row)
        query, reference = table.labels.queries[row].as_py(), table.labels.tiles[tile][row].as_py()
        away = f"{away_px[row, tile]:.0f} px from where the names put it"
        found.add("geometry", where, f"the label puts '{query}' {away} in '{reference}'", line=line)


def _repeating(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels that name a semi-positive twice; the positive again stands for none."""
    ordered = np.sort(np.where(rows[:, 1:] == rows[:, :1], -1, rows[:, 1:]), axis=1)
    return np.flatnonzero(((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1))


def _check_parts(found: Findings, files: CityFiles) -> None:
    """Training and test labels share no query, and together they are the whole."""
    names = {part: table.labels.queries.to_pylist() for part, table in files.labels.items()}
    if "train" not in names:
        return
    trained = set(names["train"])
    for row, name in enumerate(names["test"]):
        if name in trained:
            where, line = files.labels["test"].labels.where(row)
            found.add("leak", where, f"'{name}' is a training query too", line=line)
    for part, own, other in _differences(names):
        where = files.labels[part].labels.source[0].as_py() if names[part] else files.city.name
        found.add(
            "label",
            where,
            f"{len(own)} panoramas, such as '{min(own)}', are missing from {other}",
        )


def _differences(names: dict[str, list[str]]) -> Iterator[tuple[str, set[str], str]]:
    if "whole" not in names:
        return
    whole = set(names["whole"])
    for part in ("train", "test"):
        missing = set(names[part]) - whole
        if missing:
            yield part, missing, f"the city's {ALL_LABELS} file"
    extra = whole.difference(names["train"], names["test"])
    if extra:
        yield "whole", extra, "both the training and the test labels"
