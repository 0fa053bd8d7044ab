"""File names and label lines of the two on-disk layouts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cvgl_bench.minicity.world import CityFrame, Layout

TILES_PER_LABEL = 4


@dataclass(frozen=True)
class SplitFiles:
    """Where a layout keeps the lists of a city, and how they are called."""

    folder: str
    tiles: str
    train: str
    test: str
    everything: str


SPLIT_FILES: dict[Layout, SplitFiles] = {
    "dress": SplitFiles(
        "splits_new", "satellite_list.txt", "same_area_balanced_train.txt", "same_area_balanced_test.txt",
        "pano_label_balanced.txt",
    ),
    "vigor": SplitFiles(
        "splits__corrected", "satellite_list.txt", "same_area_balanced_train__corrected.txt",
        "same_area_balanced_test__corrected.txt", "pano_label_balanced__corrected.txt",
    ),
}  # fmt: skip


def split_folder(root: Path, layout: Layout, city: str) -> Path:
    """Return the folder with the lists of a city."""
    return root / SPLIT_FILES[layout].folder / city


@lru_cache(maxsize=16_384)
def tile_name(frame: CityFrame, row: int, column: int) -> str:
    """Return the file name of a tile; it holds the coordinates of the centre to 10 decimals."""
    lat, lon = frame.lat_lon(*frame.tile_centre_px(row, column))
    if frame.plan.layout == "dress":
        return f"satellite_z{frame.plan.zoom:g}_{lon:.10f}_{lat:.10f}.jpg"
    return f"satellite_{lat:.10f}_{lon:.10f}.png"


def panorama_name(frame: CityFrame, x_px: float, y_px: float) -> str:
    """Return the file name of the panorama at a map position; it holds its coordinates to 10 decimals."""
    lat, lon = frame.lat_lon(x_px, y_px)
    place = f"{lat:.10f},{lon:.10f}"
    name = hashlib.sha256(f"{frame.plan.seed} {frame.city} {place}".encode()).hexdigest()[:22]
    if frame.plan.layout == "dress":
        return f"{name},{frame.city},{place},0.00,.jpg"
    return f"{name},{place},.jpg"


def covering_tiles(frame: CityFrame, x_px: float, y_px: float) -> list[tuple[int, int]]:
    """Return (row, column) of the 4 tiles nearest to a map position, the one it belongs to first.

    Nearest by the larger of the two offsets from the centre: with overlapping tiles these are the
    ones that cover the position, with seamless ones its own and those beyond its nearest corner.
    """
    tiles, stride = frame.tiles_per_side, frame.plan.stride_px
    middle = (tiles - 1) / 2
    column, row = x_px / stride + middle, y_px / stride + middle
    own_row, own_column = (int(np.clip(np.floor(v + 0.5), 0, tiles - 1)) for v in (row, column))
    ordered = sorted(
        (max(abs(r - row), abs(c - column)), np.hypot(r - row, c - column), r, c)
        for r in range(max(0, own_row - 2), min(tiles, own_row + 3))
        for c in range(max(0, own_column - 2), min(tiles, own_column + 3))
        if (r, c) != (own_row, own_column)
    )
    return [(own_row, own_column), *((r, c) for _, _, r, c in ordered[: TILES_PER_LABEL - 1])]


def label_line(frame: CityFrame, name: str, x_px: float, y_px: float) -> str:
    """Return the 13 fields of a query: its name, then 4 x (tile, two numbers in tile pixels)."""
    fields = [name]
    for row, column in covering_tiles(frame, x_px, y_px):
        centre_x, centre_y = frame.tile_centre_px(row, column)
        east, south = x_px - centre_x, y_px - centre_y
        if frame.plan.layout == "dress":
            numbers = (frame.plan.tile_px / 2 + east, frame.plan.tile_px / 2 + south)
        else:
            numbers = (south, -east)
        fields += [tile_name(frame, row, column), *(f"{n:.3f}" for n in numbers)]
    return " ".join(fields)
