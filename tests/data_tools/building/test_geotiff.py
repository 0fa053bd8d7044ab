"""GeoTIFFs as imagery."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import TiffImagePlugin

from cvgl_bench.data_tools.building import rasters
from cvgl_bench.data_tools.building.geotiff import read_placement
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.sheets import SheetProvider, read_sheets
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.views.images import read_image

from .conftest import LAT, LON, noise, write_csv

WORLD_M = 2 * math.pi * 6_378_137


@pytest.fixture(params=["by tags", "by rasterio"], autouse=True)
def way(request, monkeypatch) -> str:
    """Read without rasterio, as where the extra is not installed, and with it."""
    if request.param == "by rasterio":
        pytest.importorskip("rasterio")
    else:
        monkeypatch.setattr(rasters, "available", lambda: False)
    return request.param


def write_geotiff(
    path, left_px: float, top_px: float, *, zoom=18.0, size=(96, 128), crs=3857, point=False, **more
):
    """Write a GeoTIFF whose top-left corner is a world pixel of a zoom."""
    scale = WORLD_M / (256 * 2**zoom)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    shift = 0.5 if point else 0
    east, north = ((left_px + shift) * scale - WORLD_M / 2, WORLD_M / 2 - (top_px + shift) * scale)
    for tag, kind, values in (
        (33550, TiffImagePlugin.TiffTags.DOUBLE, (scale, scale * more.get("aspect", 1), 0.0)),
        (33922, TiffImagePlugin.TiffTags.DOUBLE, (0.0, 0.0, 0.0, east, north, 0.0)),
        (
            34735,
            TiffImagePlugin.TiffTags.SHORT,
            (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1 + point, 3072, 0, 1, crs),
        ),
    ):
        tags.tagtype[tag] = kind
        tags[tag] = values
    noise(size).save(path, "TIFF", tiffinfo=tags)


@pytest.mark.parametrize("point", [False, True])
def test_the_place_is_read_from_the_tags(tmp_path, point):
    write_geotiff(tmp_path / "a.tif", 33_000_000.25, 22_000_000.5, zoom=18.5, point=point)
    place = read_placement(tmp_path / "a.tif")
    assert place.zoom == 18.5
    assert (place.left_px, place.top_px) == pytest.approx((33_000_000.25, 22_000_000.5), abs=1e-3)


@pytest.mark.parametrize("zoom", [18.0, 17.918273645])
def test_a_folder_of_geotiffs_is_tiled(tmp_path, zoom):
    x, y = (float(v) for v in geo.mercator_px(LAT, LON, zoom))
    write_geotiff(tmp_path / "a.tif", round(x) + 0.3, round(y), zoom=zoom)
    write_geotiff(tmp_path / "b.TIFF", round(x) + 500, round(y), zoom=zoom)
    sheets, faults = read_sheets(BuildOptions(imagery=str(tmp_path), tile_px=32), [], pyramid=False)
    assert not faults and [(s.rows, s.columns, s.scale.zoom) for s in sheets] == [(3, 4, zoom)] * 2
    wanted = list(sheets[0].wanted(".png"))[5]
    assert np.array_equal(
        SheetProvider(None, None).image(wanted), read_image(tmp_path / "a.tif")[32:64, 32:64]
    )
    cx, cy = (float(v) for v in geo.mercator_px(wanted.lat, wanted.lon, zoom))
    assert (cx, cy) == pytest.approx((round(x) + 48.3, round(y) + 48), abs=1e-2)


def test_a_data_set_comes_out(build, tmp_path):
    left, top = 33_000_000, 22_000_000
    write_geotiff(tmp_path / "a.tif", left, top, size=(128, 128))
    (tmp_path / "photos").mkdir()
    rows = []
    for number in range(8):
        lat, lon = geo.from_mercator_px(left + 10 + 15 * number, top + 100 - 12 * number, 18)
        noise((16, 32), seed=number).save(tmp_path / "photos" / f"{number}.png")
        rows.append((f"{number}.png", float(lat), float(lon), 0))
    table = write_csv(tmp_path / "t.csv", "photo,lat_deg,lon_deg,heading_deg", rows)
    made = build(
        imagery=str(tmp_path / "a.tif"),
        photos=str(tmp_path / "photos"),
        photo_table=str(table),
        tile_px=32,
        panorama_width_px=64,
        block_m=15.0,
        buffer_m=0.0,
    )
    assert made.tiles == 16 and made.outside == 0


@pytest.mark.parametrize(
    ("change", "text"), [({"crs": 32735}, "gdalwarp -t_srs EPSG:3857"), ({"aspect": 1.1}, "not square")]
)
def test_what_the_tags_alone_do_not_allow_is_a_fault(tmp_path, change, text, way):
    if way == "by rasterio":
        pytest.skip("rasterio reads these")
    write_geotiff(tmp_path / "a.tif", 33_000_000, 22_000_000, **change)
    with pytest.raises(DataError, match=text):
        read_sheets(BuildOptions(imagery=str(tmp_path / "a.tif"), tile_px=32), [], pyramid=False)


def test_a_plain_tiff_is_a_fault(tmp_path):
    noise((64, 64)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match="a.tif (has no GeoTIFF tags|does not say where it is)"):
        read_sheets(BuildOptions(imagery=str(tmp_path / "a.tif"), tile_px=32), [], pyramid=False)
