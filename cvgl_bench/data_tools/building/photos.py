"""The photos of a data set: where they are, which way they look, and how they are stored."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.data.layouts.presence import read_header
from cvgl_bench.data_tools.building.exif import crop_of, read_pose
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.photo_files import SUFFIXES, PhotoNames, files_in, is_image
from cvgl_bench.data_tools.building.tables import column_names, position_fault, read_rows
from cvgl_bench.data_tools.fetch.download import encode
from cvgl_bench.data_tools.fetch.north import north_aligned
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.whole_files import written_whole
from cvgl_bench.views.images import ImageArray, Size

FULL_SPHERE_DEG = 180.0
ROUNDED_DEG = 1.8
"""A panorama this close to a full sphere is one whose size was rounded."""
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Photo:
    """A photo and its pose; `heading_deg` is the compass direction of its centre column, or None."""

    path: Path
    id: str
    lat: float
    lon: float
    heading_deg: float | None
    city: str | None
    size_px: tuple[int, int]

    @property
    def is_panorama(self) -> bool:
        """Whether its width is twice its height, as of a full sphere."""
        return self.size_px[1] == 2 * self.size_px[0]


@dataclass(frozen=True)
class Fault:
    """A photo or image that cannot be used, and why."""

    path: Path
    reason: str


def read_photos(options: BuildOptions) -> tuple[list[Photo], list[Fault]]:
    """Return the photos that can be used, in a fixed order, and the others.

    Raises DataError for a table that cannot be read and for two photos of one id.
    """
    folder = Path(options.photos)
    if not folder.is_dir():
        raise UsageError(f"--photos {folder} is not a folder.")
    photos: list[Photo] = []
    faults: list[Fault] = []
    for found in _from_table(folder, options) if options.photo_table else _from_exif(folder):
        faults.append(found) if isinstance(found, Fault) else photos.append(found)
    by_id: dict[str, Photo] = {}
    for photo in photos:
        if photo.id in by_id:
            raise DataError(f"{photo.path} and {by_id[photo.id].path} would both be called '{photo.id}'.")
        by_id[photo.id] = photo
    if not photos:
        reason = f" The first: {faults[0].path} {faults[0].reason}." if faults else ""
        raise DataError(f"No photo of {folder} can be used.{reason}")
    return photos, faults


def _from_table(folder: Path, options: BuildOptions) -> Iterator[Photo | Fault]:
    names = column_names(options.columns)
    table, files = Path(options.photo_table or ""), PhotoNames(folder)
    for row in read_rows(table, names, required=("photo", "lat_deg", "lon_deg")):
        path = files.find(row.file_name("photo"))
        lat, lon = row.position()
        heading = row.number("heading_deg")
        yield _photo(path, row.file_name("photo"), lat, lon, heading, row.text("city") or None)


def _from_exif(folder: Path) -> Iterator[Photo | Fault]:
    for path in (folder / name for name in files_in(folder) if is_image(name)):
        if path.suffix.lower() not in SUFFIXES:
            yield _of_other_kind(path)
            continue
        try:
            pose = read_pose(path)
        except DataError as error:
            yield Fault(path, str(error))
            continue
        reason = position_fault(pose.lat, pose.lon)
        name = str(path.relative_to(folder))
        yield Fault(path, f"is at {reason}") if reason else _photo(path, name, *pose, None)


def _of_other_kind(path: Path) -> Fault:
    return Fault(path, f"is of the kind '{path.suffix}'; known are {', '.join(SUFFIXES)}")


def _photo(
    path: Path, name: str, lat: float, lon: float, heading: float | None, city: str | None
) -> Photo | Fault:
    header = read_header(path)
    if header.fault:
        return Fault(path, header.fault)
    if path.suffix.lower() not in SUFFIXES:
        return _of_other_kind(path)
    photo_id = UNSAFE.sub("-", str(Path(name).with_suffix(""))).strip(".")
    return Photo(path, photo_id, lat, lon, heading, city, header.size_px)


def choose_kind(photos: list[Photo], options: BuildOptions) -> bool:
    """Return whether the photos are panoramas.

    Raises DataError where they are of both kinds, UsageError where a perspective photo's field of view
    is not given.
    """
    if options.photo_kind == "auto":
        kinds = {photo.is_panorama: photo for photo in photos}
        if len(kinds) > 1:
            raise DataError(
                f"{kinds[True].path} is a panorama and {kinds[False].path} is not; build a data set of each, "
                "or set --photo-kind."
            )
        panorama = True in kinds
    else:
        panorama = options.photo_kind == "panorama"
    if not panorama and options.field_of_view_deg is None:
        raise UsageError(
            "The photos are not panoramas: say how wide they look by --field-of-view-deg; the card needs it."
        )
    return panorama


def panorama_fault(photo: Photo) -> Fault | None:
    """Return why a photo cannot be stored as a panorama that is turned north, or None."""
    height, width = photo.size_px
    if photo.heading_deg is None:
        return Fault(photo.path, "has no heading, so that it cannot be turned north")
    if panorama_vertical_deg(photo.size_px) > FULL_SPHERE_DEG:
        return Fault(photo.path, f"has {width} x {height} px, too high for a circle of 360 degrees")
    try:
        part = crop_of(photo.path)
    except DataError as error:
        return Fault(photo.path, str(error))
    return Fault(photo.path, f"is only a part of a panorama by its GPano metadata: {part}") if part else None


def panorama_vertical_deg(size_px: Size) -> float:
    """Return how high a panorama of `size_px` (height, width) looks, if it looks all around."""
    vertical = round(360 * size_px[0] / size_px[1], 1)
    return FULL_SPHERE_DEG if abs(vertical - FULL_SPHERE_DEG) <= ROUNDED_DEG else vertical


def stored_size(photos: Sequence[Photo], width_px: int) -> Size:
    """Return the height and width that panoramas get; DataError where they are of several shapes.

    Those that are wider than 2 to 1 are cut above and below, as CVUSA's are, and stay so.
    """
    by_shape = {panorama_vertical_deg(photo.size_px): photo for photo in photos}
    if len(by_shape) > 1:
        one, other = list(by_shape.values())[:2]
        raise DataError(
            f"{one.path} has {one.size_px[1]} x {one.size_px[0]} px and {other.path} {other.size_px[1]} x "
            f"{other.size_px[0]} px: panoramas of one data set have one shape; build a data set of each."
        )
    return round(width_px * next(iter(by_shape)) / 360), width_px


def store(photo: Photo, target: Path, *, pixels: ImageArray, size: Size | None) -> None:
    """Write a photo whole or not at all: a panorama turned north and resized, any other as it is.

    pixels: what the photo shows. size: height and width of a panorama, None for any other photo. Raises
    DataError where `target` cannot be written.
    """
    with written_whole(target) as temporary:
        if size is not None:
            turned = north_aligned(pixels, photo.heading_deg or 0.0, size)
            temporary.write_bytes(encode(turned, target.suffix))
        else:
            shutil.copyfile(photo.path, temporary)


def vertical_deg(horizontal_deg: float, size_px: tuple[int, int]) -> float:
    """Return the vertical field of view of a perspective photo of `size_px` (height, width)."""
    half = math.tan(math.radians(horizontal_deg) / 2) * size_px[0] / size_px[1]
    return 2 * math.degrees(math.atan(half))
