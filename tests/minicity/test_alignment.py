"""A panorama's bird's-eye view lines up with the tiles around its query, and with no turn of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.minicity.labels import split_folder, tile_name
from cvgl_bench.minicity.world import CityFrame

SIDE = 64
FIELD_OF_VIEW_RAD = np.radians(170)
NEAR_M = 14.0
"""Beyond, cars and walls hide the ground and stretch over it."""


def birds_eye(panorama: np.ndarray) -> np.ndarray:
    """Return the SIDE x SIDE view straight down (AuxGeo's formula, nearest pixel)."""
    i, j = np.mgrid[0:SIDE, 0:SIDE]
    north, west = SIDE / 2 - i, SIDE / 2 - j
    depth = (SIDE / 2) / np.tan(FIELD_OF_VIEW_RAD / 2)
    from_nadir = np.pi / 2 - np.arctan2(depth, np.hypot(north, west))
    azimuth = np.arctan2(west, north) + np.pi
    u, v = 1 - azimuth / (2 * np.pi), 1 - from_nadir / np.pi
    height, width = panorama.shape
    return panorama[np.round(v * (height - 1)).astype(int), np.round(u * (width - 1)).astype(int)]


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), float)


def city_map(root: Path, frame: CityFrame) -> np.ndarray:
    tiles, side = frame.plan.tiles_per_side, frame.plan.tile_px
    whole = np.zeros((tiles * side, tiles * side))
    for row in range(tiles):
        for column in range(tiles):
            path = root / frame.city / "satellite" / tile_name(frame, row, column)
            whole[row * side : (row + 1) * side, column * side : (column + 1) * side] = grey(path)
    return whole


def patch(whole: np.ndarray, frame: CityFrame, x_px: float, y_px: float) -> np.ndarray:
    """Return what a perfect bird's-eye view from the position would show."""
    i, j = np.mgrid[0:SIDE, 0:SIDE]
    reach_px = frame.plan.eye_m * np.tan(FIELD_OF_VIEW_RAD / 2) / frame.m_per_px
    x = x_px + (j - SIDE / 2) * reach_px / (SIDE / 2) + whole.shape[1] / 2
    y = y_px + (i - SIDE / 2) * reach_px / (SIDE / 2) + whole.shape[0] / 2
    inside = (x >= 0) & (y >= 0) & (x < whole.shape[1]) & (y < whole.shape[0])
    values = whole[y.astype(int).clip(0, whole.shape[0] - 1), x.astype(int).clip(0, whole.shape[1] - 1)]
    return np.where(inside, values, np.nan)


def correlation(view: np.ndarray, ground: np.ndarray) -> float:
    i, j = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    near = np.hypot(i, j) * 2.4 * np.tan(FIELD_OF_VIEW_RAD / 2) / (SIDE / 2) < NEAR_M
    seen = near & np.isfinite(ground)
    return float(np.corrcoef(view[seen], ground[seen])[0, 1])


def query_positions(root: Path, frame: CityFrame) -> list[tuple[str, float, float]]:
    lines = (split_folder(root, "dress", frame.city) / "pano_label_balanced.txt").read_text().splitlines()
    names = {
        tile_name(frame, row, column): frame.tile_centre_px(row, column)
        for row in range(frame.plan.tiles_per_side)
        for column in range(frame.plan.tiles_per_side)
    }
    found = []
    for line in lines:
        name, tile, x, y = line.split(" ")[:4]
        corner = np.array(names[tile]) - frame.plan.tile_px / 2
        found.append((name, corner[0] + float(x), corner[1] + float(y)))
    return found


@pytest.mark.parametrize("city", ["London", "Sydney"])
def test_birds_eye_views_fit_the_tiles_in_one_heading_only(city, dress_plan, exact_root):
    frame = CityFrame(dress_plan, city)
    whole = city_map(exact_root, frame)
    right, turned, moved = [], [], []
    for name, x_px, y_px in query_positions(exact_root, frame):
        view = birds_eye(grey(exact_root / city / "panorama" / name))
        ground = patch(whole, frame, x_px, y_px)
        right.append(correlation(view, ground))
        turned.append([correlation(np.rot90(view, turns), ground) for turns in (1, 2, 3)])
        away_px = 6.0 / frame.m_per_px
        moved.append(correlation(view, patch(whole, frame, x_px + away_px, y_px + away_px)))
    assert np.mean(right) > 0.3
    assert np.mean(right) > np.mean(turned, axis=0).max() + 0.15
    assert np.mean(right) > np.mean(moved) + 0.15
