"""Photos: poses, kinds, and how they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data_tools.building import photos
from cvgl_bench.data_tools.building.exif import GPS, read_pose
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photo_files import NOT_IN_TABLE, PhotoNames, left_out
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
    pixels = read_image(tmp_path / "a.png")
    store(photo(tmp_path / "a.png", heading_deg=90), tmp_path / "b.png", pixels=pixels, size=(32, 64))
    assert np.array_equal(read_image(tmp_path / "b.png"), np.roll(read_image(tmp_path / "a.png"), 16, axis=1))


def test_a_perspective_photo_is_kept_to_the_byte(tmp_path):
    noise((48, 64)).save(tmp_path / "a.jpg")
    pixels = read_image(tmp_path / "a.jpg")
    store(photo(tmp_path / "a.jpg"), tmp_path / "b.jpg", pixels=pixels, size=None)
    assert (tmp_path / "b.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_a_place_that_takes_no_photo_is_named(tmp_path):
    noise((48, 64)).save(tmp_path / "a.png")
    pixels, target = read_image(tmp_path / "a.png"), tmp_path / "none" / "b.png"
    with pytest.raises(DataError, match="none/b.png cannot be written: No such file"):
        store(photo(tmp_path / "a.png", heading_deg=90), target, pixels=pixels, size=(32, 64))


def test_the_vertical_view_follows_from_the_shape():
    assert vertical_deg(90, (100, 100)) == pytest.approx(90)
    assert vertical_deg(90, (50, 100)) == pytest.approx(53.130102)


def test_a_panorama_without_heading_cannot_be_turned(tmp_path):
    assert "no heading" in photos.panorama_fault(photo(tmp_path / "a.png", heading_deg=None)).reason
    noise((32, 64)).save(tmp_path / "a.png")
    assert photos.panorama_fault(photo(tmp_path / "a.png", heading_deg=0.0)) is None


def test_a_hemisphere_is_read_however_it_is_written_or_the_photo_refused(tmp_path):
    place = {2: (33.0, 51.0, 0.0), 4: (70.0, 36.0, 0.0)}
    for south, west in (("s", "w"), ("South", "West"), ("S\0", "W\0")):
        with_exif(tmp_path / "a.jpg", {1: south, 3: west, **place})
        assert read_pose(tmp_path / "a.jpg")[:2] == (pytest.approx(-33.85), pytest.approx(-70.6))
    for references in ({}, {1: "\x01", 3: "\x01"}, {1: "S", 3: "O"}, {1: "E", 3: "N"}):
        with_exif(tmp_path / "a.jpg", {**references, **place})
        with pytest.raises(DataError, match="hemisphere is unknown"):
            read_pose(tmp_path / "a.jpg")


def test_positions_may_lack_seconds(tmp_path):
    with_exif(tmp_path / "a.jpg", {1: "N", 2: (60.5,), 3: "E", 4: (24.0, 30.0)})
    assert read_pose(tmp_path / "a.jpg")[:2] == (60.5, 24.5)


def with_sphere(path, *, exif_heading=None, **fields) -> None:
    """Write a photo with a position and panorama metadata."""
    exif = Image.Exif()
    gps = {1: "N", 2: (60.0, 0.0, 0.0), 3: "E", 4: (24.0, 0.0, 0.0)}
    exif.get_ifd(GPS).update(gps if exif_heading is None else {**gps, 17: exif_heading})
    attributes = " ".join(f'GPano:{name}="{value}"' for name, value in fields.items())
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {attributes}/></x:xmpmeta>'
    noise((32, 64)).save(path, exif=exif, xmp=xmp.encode())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_the_heading_may_stand_in_the_panorama_metadata(tmp_path, suffix):
    with_sphere(tmp_path / f"a{suffix}", PoseHeadingDegrees="90.5")
    assert read_pose(tmp_path / f"a{suffix}").heading_deg == 90.5
    with_sphere(tmp_path / f"a{suffix}", exif_heading=12.0, PoseHeadingDegrees="90.5")
    assert read_pose(tmp_path / f"a{suffix}").heading_deg == 12.0
    with_sphere(tmp_path / f"a{suffix}", PoseHeadingDegrees="north")
    with pytest.raises(DataError, match="EXIF data that cannot be read"):
        read_pose(tmp_path / f"a{suffix}")


def test_a_part_of_a_panorama_is_no_panorama(tmp_path):
    sizes = {"FullPanoWidthPixels": 128, "FullPanoHeightPixels": 64}
    with_sphere(tmp_path / "a.jpg", CroppedAreaImageWidthPixels=64, CroppedAreaImageHeightPixels=32, **sizes)
    assert "64 x 32 of 128 x 64 px" in photos.panorama_fault(photo(tmp_path / "a.jpg")).reason
    with_sphere(tmp_path / "a.jpg", CroppedAreaImageWidthPixels=128, CroppedAreaImageHeightPixels=64, **sizes)
    assert photos.panorama_fault(photo(tmp_path / "a.jpg")) is None


def test_panoramas_cut_above_and_below_keep_their_shape(tmp_path):
    wide = [photo(tmp_path / "a.png", size_px=(100, 400)), photo(tmp_path / "b.png", size_px=(200, 800))]
    assert photos.panorama_vertical_deg((100, 400)) == 90.0
    assert photos.stored_size(wide, 256) == (64, 256)
    assert photos.stored_size([photo(tmp_path / "c.png", size_px=(999, 2000))], 256) == (128, 256)
    with pytest.raises(DataError, match="b.png has 800 x 200 px and .*one shape"):
        photos.stored_size([*wide, photo(tmp_path / "c.png")], 256)
    high = photo(tmp_path / "d.png", size_px=(64, 64))
    assert "too high for a circle" in photos.panorama_fault(high).reason


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_photo_on_its_side_has_the_size_it_has_upright(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise((48, 64)).save(tmp_path / f"a{suffix}", exif=exif)
    table = write_csv(tmp_path / "t.csv", "photo,lat_deg,lon_deg", [(f"a{suffix}", 1, 2)])
    (found,), _ = read_photos(BuildOptions(photos=str(tmp_path), photo_table=str(table)))
    assert found.size_px == (64, 48) == read_image(found.path).shape[:2]


def test_what_lies_beside_photos_is_no_photo_and_is_counted(tmp_path):
    with_exif(tmp_path / "a.jpg", {1: "N", 2: (45.0, 0.0, 0.0), 3: "E", 4: (7.0, 0.0, 0.0)})
    for name in ("._a.jpg", "@eaDir/a.jpg", "__MACOSX/a.jpg", ".thumbnails/a.jpg", "notes.txt", "clip.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    (tmp_path / "b.heic").touch()
    (tmp_path / "c.avif").touch()
    found, faults = read_photos(BuildOptions(photos=str(tmp_path)))
    assert [photo.id for photo in found] == ["a"]
    assert [fault.reason[:24] for fault in faults] == ["is of the kind '.heic'; ", "is of the kind '.avif'; "]
    assert left_out(tmp_path, used=[Path("a.jpg")], from_table=False) == {".mp4": 1, ".txt": 1}
    assert left_out(tmp_path, used=[], from_table=True)[NOT_IN_TABLE] == 1


@pytest.mark.parametrize(
    ("on_disk", "in_table"),
    [("Zu\u0308rich.png", "Z\u00fcrich.png"), ("Z\u00fcrich.png", "Zu\u0308rich.png"), ("A.PNG", "a.png")],
)
def test_a_name_in_another_form_means_the_same_file(tmp_path, on_disk, in_table):
    noise((32, 64)).save(tmp_path / on_disk)
    table = write_csv(tmp_path / "t.csv", "photo,lat_deg,lon_deg", [(in_table, 1, 2)])
    (found,), faults = read_photos(BuildOptions(photos=str(tmp_path), photo_table=str(table)))
    assert found.path == tmp_path / on_disk and not faults


def test_of_two_names_alike_neither_is_guessed(tmp_path):
    for name in ("A.png", "a.PNG"):
        noise((32, 64)).save(tmp_path / name)
    if len(list(tmp_path.iterdir())) == 2:
        assert PhotoNames(tmp_path).find("a.png") == tmp_path / "a.png"
    assert PhotoNames(tmp_path).find("A.png") == tmp_path / "A.png"
