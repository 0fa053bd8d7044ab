"""Draws one region, writes its images, and returns its lines for the lists: one unit of work."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cvgl_bench.minicity.capture import Capture, overhead_capture, street_capture
from cvgl_bench.minicity.chance import city_seed, generator
from cvgl_bench.minicity.labels import label_line, panorama_name, tile_name
from cvgl_bench.minicity.light import Light
from cvgl_bench.minicity.overhead import overhead_view, tile
from cvgl_bench.minicity.panorama import StreetCamera
from cvgl_bench.minicity.plan import draw_scene
from cvgl_bench.minicity.queries import clear_of_obstacles, spread, street_positions
from cvgl_bench.minicity.raster import Canvas, Rasters, rasterise
from cvgl_bench.minicity.scene import Scene
from cvgl_bench.minicity.sky import Sky
from cvgl_bench.minicity.streets import StreetGrid
from cvgl_bench.minicity.style import STYLES
from cvgl_bench.minicity.view import SIGHT_M, View
from cvgl_bench.minicity.world import CityFrame, Region, WorldPlan

Floats = NDArray[np.float64]

MARGIN_M = SIGHT_M + 3
"""Drawn around a region, so that views and shadows do not end at its border."""
QUERIES_SEED, CAMERA_SEED, POSITION_SEED = 4, 5, 7


EDGE_PX = 0.01
"""Recorded positions keep this far from the edge of the tiled map."""


@dataclass(frozen=True)
class RegionLines:
    """What a region adds to the lists of its city."""

    city: str
    tiles: list[str]
    labels: list[str]
    """Even ones train, odd ones test, counted through the city."""
    first_panorama: int


def write_region(plan: WorldPlan, region: Region, root: Path) -> RegionLines:
    """Write the images of a region under `root` and return its lines; needs nothing but its arguments."""
    frame, style = CityFrame(plan, region.city), STYLES[region.city]
    seed = city_seed(plan.seed, region.city)
    grid = StreetGrid(style, seed)
    margin = int(np.ceil(MARGIN_M * plan.supersample / frame.m_per_px))
    canvas = _canvas(frame, region, margin)
    street = street_capture(style, seed, changed=plan.changed)
    overhead = overhead_capture(style, seed, changed=plan.changed, registration_m=plan.registration_m)
    moved = _moved(canvas, overhead)
    scene = _scene(grid, [canvas, moved], [street, overhead])
    tiles = _write_tiles(frame, region, _from_above(scene, moved, overhead, seed, margin), root)
    light, seen = _light(street), scene.found_by(street)
    rasters = rasterise(seen, canvas, light, seed=seed + street.key)
    places = _panorama_places(frame, region, grid, rasters)
    view, sky = _surroundings(plan, region.city)
    camera = StreetCamera(view, sky, light, rasters, seen.trees)
    labels = _write_panoramas(frame, region, camera, places, root)
    return RegionLines(region.city, tiles, labels, region.first_panorama)


def _moved(canvas: Canvas, overhead: Capture) -> Canvas:
    """Return the canvas of the overhead camera, whose imagery lies off the map by a few cells."""
    east, south = (round(m / canvas.m_per_cell) for m in overhead.offset_m)
    return dataclasses.replace(canvas, left=canvas.left - east, top=canvas.top - south)


def _scene(grid: StreetGrid, canvases: list[Canvas], captures: list[Capture]) -> Scene:
    """Return all that any of the captures finds on any of the canvases."""
    corners = np.array([[(c.left, c.top), (c.left + c.width, c.top + c.height)] for c in canvases])
    corners = corners * canvases[0].m_per_cell
    return draw_scene(grid, corners[:, 0].min(0), corners[:, 1].max(0), [c.key for c in captures])


def _from_above(scene: Scene, canvas: Canvas, overhead: Capture, seed: int, margin: int) -> NDArray[np.uint8]:
    """Return the region as the overhead camera found it, without the canvas's margin."""
    seen, light = scene.found_by(overhead), _light(overhead)
    rasters = rasterise(seen, canvas, light, seed=seed + overhead.key)
    return overhead_view(rasters, seen.trees, light, overhead, margin)


def _light(capture: Capture) -> Light:
    return Light(capture.sun_azimuth_deg, capture.sun_elevation_deg)


@lru_cache(maxsize=1)
def _surroundings(plan: WorldPlan, city: str) -> tuple[View, Sky]:
    """Return what the regions of a city share."""
    view, style, seed = View(plan, STYLES[city]), STYLES[city], city_seed(plan.seed, city)
    light = _light(street_capture(style, seed, changed=plan.changed))
    return view, Sky(view, style, light, seed)


def _canvas(frame: CityFrame, region: Region, margin: int) -> Canvas:
    plan = frame.plan
    left, top = _corner(frame, region.rows[0], region.columns[0])
    right, bottom = _corner(frame, region.rows[-1], region.columns[-1])
    side = plan.tile_px * plan.supersample + margin
    left, top, right, bottom = left - margin, top - margin, right + side, bottom + side
    return Canvas(left, top, right - left, bottom - top, frame.m_per_px / plan.supersample)


def _corner(frame: CityFrame, row: int, column: int) -> tuple[int, int]:
    """Return the north-west corner of a tile in raster cells from the city's centre."""
    x, y = frame.tile_centre_px(row, column)
    half = frame.plan.tile_px / 2
    return round((x - half) * frame.plan.supersample), round((y - half) * frame.plan.supersample)


def _write_tiles(frame: CityFrame, region: Region, view: NDArray[np.uint8], root: Path) -> list[str]:
    plan = frame.plan
    left, top = _corner(frame, region.rows[0], region.columns[0])
    names = []
    for row in region.rows:
        for column in region.columns:
            x, y = _corner(frame, row, column)
            name = tile_name(frame, row, column)
            image = tile(view, x - left, y - top, plan.tile_px, plan.supersample)
            image.save(root / region.city / "satellite" / name, quality=plan.jpeg_quality, compress_level=3)
            names.append(name)
    return names


def _panorama_places(frame: CityFrame, region: Region, grid: StreetGrid, rasters: Rasters) -> Floats:
    """Return where (N, 2), in metres, the region's panoramas are taken, in the order of the lists."""
    plan = frame.plan
    half = plan.stride_px / 2
    low = np.array(frame.tile_centre_px(region.rows[0], region.columns[0])) - half
    high = np.array(frame.tile_centre_px(region.rows[-1], region.columns[-1])) + half
    if plan.layout == "vigor":
        edge = (frame.tiles_per_side - 1) / 2 * plan.stride_px
        low, high = np.maximum(low, -edge), np.minimum(high, edge)
    rng = generator(grid.seed, QUERIES_SEED, region.rows[0], region.columns[0])
    places = street_positions(grid, low * frame.m_per_px, high * frame.m_per_px, rng)
    places = places[clear_of_obstacles(places, rasters)]
    chosen = spread(places, plan.stride_px * frame.m_per_px, region.panoramas, rng)
    return chosen[rng.permutation(len(chosen))]


def _write_panoramas(
    frame: CityFrame, region: Region, camera: StreetCamera, places: Floats, root: Path
) -> list[str]:
    seed = city_seed(frame.plan.seed, region.city)
    labels = []
    for k, (x_m, y_m) in enumerate(places):
        rng = generator(seed, CAMERA_SEED, region.first_panorama + k)
        x_px, y_px = _recorded_px(frame, x_m, y_m, generator(seed, POSITION_SEED, region.first_panorama + k))
        name = panorama_name(frame, x_px, y_px)
        image = camera.shoot(x_m, y_m, rng)
        _save(image, root / region.city / "panorama" / name, quality=frame.plan.jpeg_quality)
        labels.append(label_line(frame, name, x_px, y_px))
    return labels


def _save(image: NDArray[np.uint8], path: Path, *, quality: int) -> None:
    """Write a JPEG; OpenCV takes half of Pillow's time for images this small."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    path.write_bytes(cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))[1].tobytes())


def _recorded_px(frame: CityFrame, x_m: float, y_m: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return the map position that is recorded for a panorama: off by a little, and inside the city."""
    plan = frame.plan
    tiles = frame.tiles_per_side - (1 if plan.layout == "vigor" else 0)
    edge_px = tiles / 2 * plan.stride_px - EDGE_PX
    error_m = rng.normal(0, plan.position_m, 2)
    x_px, y_px = np.clip((np.array([x_m, y_m]) + error_m) / frame.m_per_px, -edge_px, edge_px).tolist()
    return x_px, y_px
