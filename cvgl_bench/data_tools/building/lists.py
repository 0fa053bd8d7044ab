"""The lists and label lines of a data set that was built, in the DReSS layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cvgl_bench.data.layouts.folders import ALL_LABELS, TILE_LIST
from cvgl_bench.data.layouts.labels import TILES_PER_LABEL
from cvgl_bench.data_tools.building.parts import Query
from cvgl_bench.data_tools.building.photos import Photo
from cvgl_bench.foundation.whole_files import write_text

SPLITS = "splits_new"

TileNames = Mapping[tuple[int, int, int], str]
"""File names of tiles by sheet, row and column."""


def query_name(photo: Photo, city: str, *, panorama: bool) -> str:
    """Return a query's file name: id, city, latitude, longitude, where its centre looks, suffix."""
    heading = "0.00" if panorama else "" if photo.heading_deg is None else f"{photo.heading_deg:.2f}"
    return f"{photo.id},{city},{photo.lat:.10f},{photo.lon:.10f},{heading},{photo.path.suffix.lower()}"


def label_line(query: Query, tiles: TileNames) -> str:
    """Return the 13 fields of a label; the positive repeated stands for a semi-positive there is not."""
    positive, others = query.label.positive, query.label.semi_positives
    fill = (positive,) * (TILES_PER_LABEL - 1 - len(others))
    fields = [query.name]
    for tile in (positive, *others, *fill):
        fields += [tiles[tile.sheet, tile.row, tile.column], f"{tile.x:.3f}", f"{tile.y:.3f}"]
    return " ".join(fields)


def write_lists(root: Path, city: str, *, tiles: TileNames, queries: Sequence[Query]) -> None:
    """Write a city's tile list and its label files, from the city's queries."""
    files = {TILE_LIST: list(tiles.values()), ALL_LABELS: [label_line(query, tiles) for query in queries]}
    for part in ("train", "test"):
        own = [label_line(query, tiles) for query in queries if query.part == part]
        if own:
            files[f"same_area_balanced_{part}"] = own
    folder = root / SPLITS / city
    folder.mkdir(parents=True, exist_ok=True)
    for stem, lines in files.items():
        write_text(folder / f"{stem}.txt", "".join(f"{line}\n" for line in lines))
