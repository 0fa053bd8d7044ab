"""GeoTIFFs that rasterio turns into Web-Mercator: drawn so that every pixel tells where it is."""

from __future__ import annotations

import numpy as np
import pytest

from cvgl_bench.data.layouts.utm import from_utm
from cvgl_bench.data_tools.building import rasters
from cvgl_bench.data_tools.building.frames import MercatorFrame
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.sheets import SheetProvider, read_sheets
from cvgl_bench.data_tools.fetch.client import Missing
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError

rasterio = pytest.importorskip("rasterio")

EAST_M, NORTH_M, SIDE_PX, M_PER_PX = 699_000.0, 5_710_000.0, 300, 0.5
"""North-western corner in UTM zone 30, beside London, where grid north is 2 degrees off."""
ZOOM = 18


def colours(x, y):
    """Return red and green that grow by one level every two world pixels, and the same blue everywhere."""
    return np.stack([x / 2, y / 2, np.full_like(x, 77.0)])


def world_px(east_m, north_m):
    lat, lon = from_utm(east_m, north_m, zone=30, southern=False)
    return geo.mercator_px(lat, lon, ZOOM)


def picture_px():
    """Return (2, side, side), the world pixel x and y of every pixel of the picture."""
    at = (np.arange(SIDE_PX) + 0.5) * M_PER_PX
    return np.stack(world_px(*np.meshgrid(EAST_M + at, NORTH_M - at)))


def origin():
    """Return the world pixel that colours are counted from, so that none wraps inside the picture."""
    return np.floor(picture_px().min(axis=(1, 2))) - 2


@pytest.fixture
def utm(tmp_path):
    """Write a picture in UTM and return its path."""

    def write(name="a.tif", kind="uint8", count=3, **profile):
        x, y = picture_px() - origin()[:, None, None]
        pixels = np.rint(colours(x, y))[:count].astype(kind)
        path = tmp_path / name
        transform = rasterio.transform.from_origin(EAST_M, NORTH_M, M_PER_PX, M_PER_PX)
        with rasterio.open(
            path, "w", driver="GTiff", width=SIDE_PX, height=SIDE_PX, count=count, dtype=kind,
            crs="EPSG:32630", transform=transform, **profile,
        ) as file:  # fmt: skip
            file.write(pixels)
        return path

    return write


def test_pixels_come_to_where_they_lie_on_the_map(utm):
    place = rasters.placement(utm(), zoom=ZOOM)
    frame = MercatorFrame(*place[:3])
    height, width = place.size_px
    assert 300 * M_PER_PX / 0.372 == pytest.approx(width, rel=0.06)
    corner = (width // 2 - 60, height // 2 - 40)
    window = rasters.read_window(utm(), frame, corner, (80, 120)).astype(float)
    x0, y0 = origin()
    x, y = np.meshgrid(
        place.left_px - x0 + corner[0] + np.arange(120) + 0.5,
        place.top_px - y0 + corner[1] + np.arange(80) + 0.5,
    )
    expected = colours(x, y)
    assert np.abs(window.transpose(2, 0, 1) - expected).max() < 1.1
    assert np.abs((window.transpose(2, 0, 1) - expected).mean(axis=(1, 2))).max() < 0.1


def test_tiles_that_reach_beyond_the_picture_are_missing(utm):
    path = utm()
    sheets, faults = read_sheets(BuildOptions(imagery=str(path), tile_px=46, zoom=18.0), [], pyramid=False)
    assert not faults and sheets[0].by_window
    provider, states = SheetProvider(None, None), []
    for wanted in sheets[0].wanted(".png"):
        try:
            states.append(provider.image(wanted).shape == (46, 46, 3))
        except Missing as error:
            assert "has no imagery on" in str(error)
            states.append(False)
    # Grid north is turned against the map's: the corners are cut, the middle is whole.
    assert 0.5 < np.mean(states) < 1 and not states[0] and states[len(states) // 2]


def test_one_zoom_holds_for_all_files_and_is_the_first_ones_own(utm, tmp_path):
    utm("a.tif"), utm("b.tif")
    sheets, _ = read_sheets(BuildOptions(imagery=str(tmp_path), tile_px=48), [], pyramid=False)
    zooms = {sheet.scale.zoom for sheet in sheets}
    assert len(sheets) == 2 and len(zooms) == 1
    assert geo.metres_per_px(51.5, zooms.pop()) == pytest.approx(M_PER_PX, rel=0.05)


def test_grey_pictures_become_rgb_and_empty_pixels_count(utm):
    path = utm("grey.tif", count=1, nodata=0)
    place = rasters.placement(path, zoom=ZOOM)
    window = rasters.read_window(path, MercatorFrame(*place[:3]), (150, 150), (20, 20))
    assert window.shape == (20, 20, 3) and (window[..., 0] == window[..., 2]).all()


def test_what_is_no_picture_is_a_fault(utm, tmp_path):
    with pytest.raises(DataError, match="samples of the kind uint16.*-ot Byte -scale"):
        rasters.placement(utm(kind="uint16"))
    (tmp_path / "no.tif").write_bytes(b"<html>")
    with pytest.raises(DataError, match="cannot be read"):
        rasters.placement(tmp_path / "no.tif")


@pytest.mark.parametrize("zoom", [None, ZOOM])
def test_a_colour_table_gives_colours(tmp_path, zoom):
    """On the map's own pixels, and turned, where a value between two numbers would be another colour."""
    table = {value: (value, 255 - value, value * 7 % 256, 255) for value in range(256)}
    values = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    crs, corner = ("EPSG:3857", (0.0, 0.0)) if zoom is None else ("EPSG:32630", (EAST_M, NORTH_M))
    transform = rasterio.transform.from_origin(*corner, M_PER_PX, M_PER_PX)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=300, height=300, count=1, dtype="uint8",
        crs=crs, transform=transform, photometric="PALETTE",
    ) as file:  # fmt: skip
        file.write(values, 1)
        file.write_colormap(1, table)
    place = rasters.placement(tmp_path / "a.tif", zoom=zoom)
    frame = MercatorFrame(place.zoom, place.left_px, place.top_px)
    tile = rasters.read_window(tmp_path / "a.tif", frame, (100, 100), (64, 64))
    known = {colour[:3] for colour in table.values()}
    assert {tuple(map(int, pixel)) for pixel in tile.reshape(-1, 3)} <= known
    assert len(np.unique(tile.reshape(-1, 3), axis=0)) > 50


def test_bands_are_what_they_say_they_are(utm):
    from rasterio.enums import ColorInterp

    plain = utm("rgb.tif")
    path = utm("bgr.tif")
    with rasterio.open(path, "r+") as file:
        file.write(file.read()[::-1])
        file.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    place = rasters.placement(plain)
    frame = MercatorFrame(place.zoom, place.left_px, place.top_px)
    read = [rasters.read_window(one, frame, (60, 60), (32, 32)) for one in (plain, path)]
    assert np.array_equal(*read) and not np.array_equal(read[0], read[0][..., ::-1])


def test_white_may_be_zero(utm):
    plain, inverted = utm("grey.tif", count=1), utm("white.tif", count=1, photometric="MINISWHITE")
    place = rasters.placement(plain)
    frame = MercatorFrame(place.zoom, place.left_px, place.top_px)
    read = [rasters.read_window(one, frame, (60, 60), (32, 32)) for one in (plain, inverted)]
    assert np.array_equal(read[1], 255 - read[0])


def test_single_bits_are_refused(utm):
    with pytest.raises(DataError, match="fewer than 8 bits"):
        rasters.placement(utm("bits.tif", count=1, nbits=1))


def test_no_other_format_is_read_under_the_suffix(tmp_path):
    (tmp_path / "a.tif").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    with pytest.raises(DataError, match="cannot be read"):
        rasters.placement(tmp_path / "a.tif")
