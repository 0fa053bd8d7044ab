"""Photos: poses, kinds, and how they are stored."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.building import photos
from cvgl_bench.data_tools.building.exif import GPS, read_pose
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photos import Photo, choose_kind, read_photos, store, vertical_deg
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.views.images import read_image

from .conftest import noise, write_csv


def with_exif(path, gps: dict) -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS).update(gps)
    noise((32, 64)).save(path, exif=exif)


def photo(path, **changes) -> Photo:
    values = {"id": path.stem, "lat": 1.0, "lon": 2.0, "heading_deg": 0.0, "city": None, "size_px": (32, 64)}
    return Photo(path, **{**values, **changes})


def test_the_real_panoramas_tell_their_pose(sample_data):
    pose = read_pose(sample_data / "panoramas" / "1.jpg")
    assert pose.lat == pytest.approx(49.0068896, abs=1e-6)
    assert pose.lon == pytest.approx(1.9191854, abs=1e-6)
    assert pose.heading_deg == pytest.approx(349.058206)
    assert read_pose(sample_data / "panoramas" / "3.jpg").heading_deg == pytest.approx(1.473772)


def test_south_and_west_are_negative(tmp_path):
    with_exif(tmp_path / "a.jpg", {1: "S", 2: (33.0, 30.0, 0.0), 3: "W", 4: (70.0, 0.0, 36.0)})
    assert read_pose(tmp_path / "a.jpg") == (pytest.approx(-33.5), pytest.approx(-70.01), None)


def test_photos_without_a_position_are_faults(tmp_path):
    noise((32, 64)).save(tmp_path / "a.jpg")
    with_exif(tmp_path / "b.jpg", {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (7.0, 0.0, 0.0)})
    with_exif(tmp_path / "c.jpg", {1: "N", 2: (45.0, 0.0, 0.0), 3: "E", 4: (7.0, 0.0, 0.0), 17: 12.5})
    (tmp_path / "d.jpg").write_bytes(b"<html>")
    found, faults = read_photos(BuildOptions(photos=str(tmp_path)))
    assert [(p.id, p.lat, p.heading_deg) for p in found] == [("c", 45.0, 12.5)]
    reasons = {fault.path.name: fault.reason for fault in faults}
    assert "no position in its EXIF data" in reasons["a.jpg"]
    assert "latitude 95" in reasons["b.jpg"] and "swapped" in reasons["b.jpg"]
    assert "text page saved as an image" in reasons["d.jpg"]


def test_files_that_are_no_images_are_faults(tmp_path):
    (tmp_path / "page.jpg").write_bytes(b"<!DOCTYPE html><html>Not found</html>")
    noise((32, 64)).save(tmp_path / "good.png")
    table = write_csv(
        tmp_path / "t.csv",
        "photo,lat_deg,lon_deg",
        [(name, 1, 2) for name in ("page.jpg", "none.jpg", "good.png")],
    )
    found, faults = read_photos(BuildOptions(photos=str(tmp_path), photo_table=str(table)))
    assert [p.id for p in found] == ["good"]
    assert "text page saved as an image" in faults[0].reason and faults[1].reason == "does not exist"


def test_ids_become_safe_and_stay_different(tmp_path):
    (tmp_path / "sub dir").mkdir()
    noise((32, 64)).save(tmp_path / "sub dir" / "a,b c_1.png")
    table = write_csv(tmp_path / "t.csv", "photo,lat_deg,lon_deg", [("sub dir/a,b c_1.png", 1, 2)] * 2)
    with pytest.raises(DataError, match="would both be called 'sub-dir-a-b-c_1'"):
        read_photos(BuildOptions(photos=str(tmp_path), photo_table=str(table)))


def test_panoramas_are_told_by_their_shape(tmp_path):
    panorama, narrow = photo(tmp_path / "a.png"), photo(tmp_path / "b.png", size_px=(48, 64))
    assert choose_kind([panorama], BuildOptions())
    assert not choose_kind([narrow], BuildOptions(field_of_view_deg=70))
    assert not choose_kind([panorama], BuildOptions(field_of_view_deg=70, photo_kind="perspective"))
    with pytest.raises(DataError, match="a.png is a panorama and .*b.png is not"):
        choose_kind([panorama, narrow], BuildOptions(field_of_view_deg=70))
    with pytest.raises(UsageError, match="--field-of-view-deg"):
        choose_kind([narrow], BuildOptions())


def test_a_panorama_is_turned_north(tmp_path):
    noise((32, 64)).save(tmp_path / "a.png")
    store(
        photo(tmp_path / "a.png", heading_deg=90),
        tmp_path / "b.png",
        pixels=read_image(tmp_path / "a.png"),
        panorama=True,
        width_px=64,
    )
    assert np.array_equal(read_image(tmp_path / "b.png"), np.roll(read_image(tmp_path / "a.png"), 16, axis=1))


def test_a_perspective_photo_is_kept_to_the_byte(tmp_path):
    noise((48, 64)).save(tmp_path / "a.jpg")
    pixels = read_image(tmp_path / "a.jpg")
    store(photo(tmp_path / "a.jpg"), tmp_path / "b.jpg", pixels=pixels, panorama=False, width_px=64)
    assert (tmp_path / "b.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_a_place_that_takes_no_photo_is_named(tmp_path):
    noise((48, 64)).save(tmp_path / "a.png")
    pixels, target = read_image(tmp_path / "a.png"), tmp_path / "none" / "b.png"
    with pytest.raises(DataError, match="none/b.png cannot be written: No such file"):
        store(photo(tmp_path / "a.png", heading_deg=90), target, pixels=pixels, panorama=True, width_px=64)


def test_the_vertical_view_follows_from_the_shape():
    assert vertical_deg(90, (100, 100)) == pytest.approx(90)
    assert vertical_deg(90, (50, 100)) == pytest.approx(53.130102)


def test_a_panorama_without_heading_cannot_be_turned(tmp_path):
    assert "no heading" in photos.heading_fault(photo(tmp_path / "a.png", heading_deg=None)).reason
    assert photos.heading_fault(photo(tmp_path / "a.png", heading_deg=0.0)) is None
