"""Imagery and its grids of tiles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cvgl_bench.data_tools.building import sheets
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photos import Photo
from cvgl_bench.data_tools.building.sheets import (
    SheetProvider,
    open_imagery,
    parse_area,
    read_sheets,
    stride_of,
)
from cvgl_bench.data_tools.fetch.client import Client, ClientOptions
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, OptionError, UsageError
from cvgl_bench.views.images import read_image

from .conftest import LAT, LON, noise, write_csv


def image_sheets(tmp_path, sizes=((200, 300),), header="image,lat_deg,lon_deg", extra=((),), **options):
    rows = []
    for number, (size, more) in enumerate(
        zip(sizes, extra * len(sizes) if len(extra) == 1 else extra, strict=True)
    ):
        noise(size, seed=number).save(tmp_path / f"i{number}.png")
        rows.append((f"i{number}.png", LAT + number, LON, *more))
    table = write_csv(tmp_path / "images.csv", header, rows)
    return read_sheets(BuildOptions(imagery=str(table), **options), [], pyramid=False)


def test_an_image_without_tile_size_is_one_tile(tmp_path):
    (sheet,), _ = image_sheets(tmp_path, m_per_px=0.4)
    assert (sheet.rows, sheet.columns, sheet.tile_size, sheet.first) == (1, 1, (200, 300), (0, 0))
    assert sheet.centre(0, 0) == pytest.approx((LAT, LON), abs=1e-12)
    assert str(sheet.scale) == "m0.4"


def test_tiles_lie_in_the_middle_of_an_image_on_whole_pixels(tmp_path):
    (sheet,), _ = image_sheets(tmp_path, m_per_px=0.4, tile_px=64, overlap=0.5)
    assert (sheet.rows, sheet.columns, sheet.stride) == (5, 8, (32, 32))
    assert sheet.first == (6, 4)
    provider = SheetProvider(None, None)
    pixels = read_image(tmp_path / "i0.png")
    for wanted in sheet.wanted(".png"):
        x, y = sheet.corner(wanted.row, wanted.column)
        assert np.array_equal(provider.image(wanted), pixels[y : y + 64, x : x + 64])


def test_a_tile_is_named_by_scale_longitude_and_latitude(tmp_path):
    (sheet,), _ = image_sheets(tmp_path, zoom=18.5)
    wanted = next(sheet.wanted(".jpg"))
    assert wanted.path == f"area/satellite/satellite_z18.5_{LON:.10f}_{LAT:.10f}.jpg"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "line 2: give the image's scale"),
        ({"m_per_px": 0.4, "zoom": 18.0}, "line 2: give the image's scale"),
        ({"m_per_px": 0.4, "sizes": ((200, 300), (200, 200))}, "have different sizes; give --tile-px"),
        ({"header": "image,lat_deg,lon_deg,m_per_px", "extra": ((0.4,), (0.5,)), "sizes": ((64, 64),) * 2},
         "The images of area have several scales .m0.4, m0.5."),
        ({"header": "image,lat_deg,lon_deg,zoom", "extra": ((18,), (19,)), "sizes": ((64, 64),) * 2},
         "several zooms"),
        ({"m_per_px": 0.4, "tile_px": 400}, "has 300 x 200 px, less than a tile of 400 x 400"),
        ({"m_per_px": 0.4, "header": "image,lat_deg,lon_dge"}, "no column 'lon_deg'. Did you mean 'lon_dge'"),
    ],
)  # fmt: skip
def test_images_that_make_no_data_set_are_refused(tmp_path, options, text):
    with pytest.raises(DataError, match=text):
        image_sheets(tmp_path, **options)


def test_images_that_cannot_be_read_are_faults(tmp_path):
    noise((64, 64)).save(tmp_path / "a.png")
    table = write_csv(tmp_path / "t.csv", "image,lat_deg,lon_deg", [("a.png", 1, 2), ("b.png", 1, 3)])
    found, faults = read_sheets(BuildOptions(imagery=str(table), m_per_px=0.4), [], pyramid=False)
    assert len(found) == 1 and faults[0].reason == "does not exist"


def test_an_area_is_covered_by_whole_pixels(tmp_path):
    west, south, east, north = -0.13, 51.49, -0.12, 51.50
    options = BuildOptions(
        zoom=18.0, tile_px=200, overlap=0.25, areas=(f"London={west},{south},{east},{north}",)
    )
    (sheet,), _ = read_sheets(options, [], pyramid=True)
    assert sheet.city == "London" and sheet.stride == (150, 150)
    x, y = sheet.frame.to_px(np.array([north, south]), np.array([west, east]))
    assert np.abs([x[0], y[0]]).max() <= 0.5
    for extent, count in ((x[1], sheet.columns), (y[1], sheet.rows)):
        reach = (count - 1) * 150 + 200
        assert extent <= reach + 1 and reach - extent < 150
    assert float(sheet.frame.left).is_integer() and float(sheet.frame.top).is_integer()


def test_an_area_of_exactly_so_many_tiles_gets_so_many():
    left, top = 34_000_000, 22_000_000
    (north, south), (west, east) = geo.from_mercator_px([left, left + 5 * 64], [top, top + 3 * 64], 18)
    options = BuildOptions(zoom=18.0, tile_px=64, areas=(f"{west},{south},{east},{north}",))
    (sheet,), _ = read_sheets(options, [], pyramid=True)
    assert (sheet.columns, sheet.rows) == (5, 3)
    assert (sheet.frame.left, sheet.frame.top) == (left, top)


def test_without_an_area_the_photos_say_where(tmp_path):
    photos = [
        Photo(tmp_path, str(n), LAT + n / 1000, LON, 0, city, (1, 2))
        for n, city in enumerate(["A", "A", "B"])
    ]
    found, _ = read_sheets(BuildOptions(zoom=18.0, tile_px=64), photos, pyramid=True)
    assert [sheet.city for sheet in found] == ["A", "B"]
    x, y = found[0].frame.to_px(LAT, LON)
    assert 64 <= x <= found[0].columns * 64 and 64 <= y <= found[0].rows * 64


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1,2,3", "not of the form"), ("a,b,c,d", "not of the form"), ("3,2,1,4", "is empty"),
     ("1,4,3,2", "is empty"),
     ("51,-100,52,0", "swapped"), ("A/B=1,2,3,4", "cannot be the name")],
)  # fmt: skip
def test_bad_areas_are_refused(text, reason):
    with pytest.raises((OptionError, UsageError), match=reason):
        parse_area(text)


def test_an_area_may_go_over_the_date_line():
    options = BuildOptions(zoom=18.0, tile_px=64, areas=("Taveuni=179.998,-16.802,-179.998,-16.798",))
    (sheet,), _ = read_sheets(options, [], pyramid=True)
    assert sheet.columns < 60, "not the whole world around"
    lons = [sheet.centre(0, column)[1] for column in range(sheet.columns)]
    assert lons[0] > 179.99 and lons[-1] < -179.99 and max(map(abs, lons)) <= 180
    for lon in (179.999, -179.999):
        x, _ = sheet.frame.to_px(-16.8, lon)
        assert 0 < x < sheet.columns * 64
        assert sheet.frame.to_lat_lon(x, 0)[1] == pytest.approx(lon, abs=1e-9)


def test_photos_on_both_sides_of_the_date_line_lie_together(tmp_path):
    lons = (179.999, -179.999, 180.0)
    photos = [Photo(tmp_path, str(n), -16.8, lon, 0, None, (1, 2)) for n, lon in enumerate(lons)]
    (sheet,), _ = read_sheets(BuildOptions(zoom=18.0, tile_px=64), photos, pyramid=True)
    assert sheet.columns == 8, "the photos' 373 pixels and a tile on either side"
    x, _ = sheet.frame.to_px([-16.8] * 3, lons)
    assert (63 <= x).all() and (x <= sheet.columns * 64 - 63).all()
    assert x[0] < x[2] < x[1]


def test_a_folder_of_large_tiles_is_cut_at_their_own_resolution(tmp_path):
    """A tile of 512 pixels at 17/x/y is four tiles of 256 at zoom 18."""
    z, column, row = 17, 65500, 43600
    pixels = np.asarray(noise((512, 512)))
    (tmp_path / str(z) / str(column)).mkdir(parents=True)
    noise((512, 512)).save(tmp_path / str(z) / str(column) / f"{row}.png")
    options = BuildOptions(imagery=str(tmp_path), zoom=18.0, tile_px=64)
    with Client(ClientOptions()) as client:
        provider = SheetProvider(client, open_imagery(options, client))
    corners = geo.from_mercator_px([column * 512, column * 512 + 512], [row * 512, row * 512 + 512], 18)
    (north, south), (west, east) = corners
    (sheet,), _ = read_sheets(
        BuildOptions(zoom=18.0, tile_px=64, areas=(f"{west},{south},{east},{north}",)), [], pyramid=True
    )
    for wanted in list(sheet.wanted(".png"))[::7]:
        y, x = wanted.row * 64, wanted.column * 64
        assert np.array_equal(provider.image(wanted), pixels[y : y + 64, x : x + 64])
    with pytest.raises(UsageError, match="and none for --zoom 17"):
        open_imagery(BuildOptions(imagery=str(tmp_path), zoom=17.0), None)


def test_a_pyramid_needs_zoom_and_tile_size():
    for options, text in (
        ({"tile_px": 64}, "whole --zoom"),
        ({"zoom": 18.5, "tile_px": 64}, "whole --zoom"),
        ({"zoom": 18.0}, "--tile-px"),
    ):
        with pytest.raises(UsageError, match=text):
            read_sheets(BuildOptions(**options), [], pyramid=True)


def test_imagery_is_told_by_its_look(tmp_path):
    (tmp_path / "18" / "1").mkdir(parents=True)
    noise((256, 256)).save(tmp_path / "18" / "1" / "2.png")
    assert open_imagery(BuildOptions(imagery=str(tmp_path)), None) is not None
    assert open_imagery(BuildOptions(imagery=str(tmp_path / "{z}-{x}-{y}.png")), None) is not None
    assert open_imagery(BuildOptions(imagery="places.csv"), None) is None
    with pytest.raises(UsageError, match="--imagery"):
        open_imagery(BuildOptions(), None)


def test_the_stride_is_whole_and_never_nothing():
    assert stride_of((224, 100), 0.5) == (112, 50)
    assert stride_of((16, 16), 0.9) == (2, 2)


def test_an_image_is_decoded_once_for_all_its_tiles(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(sheets, "read_image", lambda path: reads.append(path.name) or read_image(path))
    pieces, _ = image_sheets(tmp_path, sizes=((64, 64),) * 2, zoom=18.0, tile_px=16)
    provider = SheetProvider(None, None)
    wanted = [item for piece in pieces for item in piece.wanted(".png")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(provider.image, wanted))
    assert sorted(reads) == ["i0.png", "i1.png"] and len(wanted) == 32
