"""The photos of a data set: where they are, which way they look, and how they are stored."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvgl_bench.data.layouts.presence import read_header
from cvgl_bench.data_tools.building.exif import read_pose
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.tables import column_names, position_fault, read_rows
from cvgl_bench.data_tools.fetch.download import encode
from cvgl_bench.data_tools.fetch.north import north_aligned
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.whole_files import written_whole
from cvgl_bench.views.images import ImageArray

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
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
    photos, faults = [], []
    for found in _from_table(folder, options) if options.photo_table else _from_exif(folder):
        (faults if isinstance(found, Fault) else photos).append(found)
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
    table = Path(options.photo_table or "")
    for row in read_rows(table, names, required=("photo", "lat_deg", "lon_deg")):
        path = folder / row.file_name("photo")
        lat, lon = row.position()
        heading = row.number("heading_deg")
        yield _photo(path, row.file_name("photo"), lat, lon, heading, row.text("city") or None)


def _from_exif(folder: Path) -> Iterator[Photo | Fault]:
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        try:
            pose = read_pose(path)
        except DataError as error:
            yield Fault(path, str(error))
            continue
        reason = position_fault(pose.lat, pose.lon)
        name = str(path.relative_to(folder))
        yield Fault(path, f"is at {reason}") if reason else _photo(path, name, *pose, None)


def _photo(
    path: Path, name: str, lat: float, lon: float, heading: float | None, city: str | None
) -> Photo | Fault:
    header = read_header(path)
    if header.fault:
        return Fault(path, header.fault)
    if path.suffix.lower() not in SUFFIXES:
        return Fault(path, f"is of the kind '{path.suffix}'; known are {', '.join(SUFFIXES)}")
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


def heading_fault(photo: Photo) -> Fault | None:
    """Return why a panorama cannot be turned north, or None."""
    if photo.heading_deg is None:
        return Fault(photo.path, "has no heading, so that it cannot be turned north")
    return None


def store(photo: Photo, target: Path, *, pixels: ImageArray, panorama: bool, width_px: int) -> None:
    """Write a photo whole or not at all: a panorama turned north and resized, any other as it is.

    pixels: what the photo shows. Raises DataError where `target` cannot be written.
    """
    with written_whole(target) as temporary:
        if panorama:
            turned = north_aligned(pixels, photo.heading_deg or 0.0, (width_px // 2, width_px))
            temporary.write_bytes(encode(turned, target.suffix))
        else:
            shutil.copyfile(photo.path, temporary)


def vertical_deg(horizontal_deg: float, size_px: tuple[int, int]) -> float:
    """Return the vertical field of view of a perspective photo of `size_px` (height, width)."""
    half = math.tan(math.radians(horizontal_deg) / 2) * size_px[0] / size_px[1]
    return 2 * math.degrees(math.atan(half))
