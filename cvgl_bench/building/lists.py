"""The lists, label lines and card of a data set that was built, in the DReSS layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cvgl_bench.building.labels import Label
from cvgl_bench.building.photos import Photo
from cvgl_bench.images import Size
from cvgl_bench.layouts.labels import TILES_PER_LABEL
from cvgl_bench.results import write_text

SPLITS = "splits_new"
EDITION = "built"


@dataclass(frozen=True)
class Query:
    """A photo that has a label, its city, and its file's name."""

    photo: Photo
    label: Label
    city: str
    name: str

    @property
    def path(self) -> str:
        """Where its file is, relative to the data set's folder."""
        return f"{self.city}/panorama/{self.name}"


def query_name(photo: Photo, city: str, *, panorama: bool) -> str:
    """Return a query's file name: id, city, latitude, longitude, where its centre looks, suffix."""
    heading = "0.00" if panorama else "" if photo.heading_deg is None else f"{photo.heading_deg:.2f}"
    return f"{photo.id},{city},{photo.lat:.10f},{photo.lon:.10f},{heading},{photo.path.suffix.lower()}"


def label_line(query: Query, tile_name: Mapping[tuple[int, int, int], str]) -> str:
    """Return the 13 fields of a label; the positive repeated stands for a semi-positive there is not.

    tile_name: the file name of a tile by sheet, row and column.
    """
    positive, others = query.label.positive, query.label.semi_positives
    fill = (positive,) * (TILES_PER_LABEL - 1 - len(others))
    fields = [query.name]
    for tile in (positive, *others, *fill):
        fields += [tile_name[tile.sheet, tile.row, tile.column], f"{tile.x:.3f}", f"{tile.y:.3f}"]
    return " ".join(fields)


def write_lists(root: Path, city: str, *, tiles: Sequence[str], parts: Mapping[str, Sequence[str]]) -> None:
    """Write a city's tile list and its label files; `parts` maps a file's stem to its lines."""
    folder = root / SPLITS / city
    folder.mkdir(parents=True, exist_ok=True)
    for stem, lines in {"satellite_list": tiles, **parts}.items():
        write_text(folder / f"{stem}.txt", "".join(f"{line}\n" for line in lines), replace=True)


def write_card(path: Path, values: Mapping[str, Any]) -> None:
    """Write a card as YAML."""
    # Through JSON, since YAML would write a list that occurs twice as an alias.
    plain = json.loads(json.dumps(values))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    write_text(path, text, replace=True)


def plain_size(size: Size) -> list[int]:
    """Return a size as a card has it."""
    return [int(size[0]), int(size[1])]
