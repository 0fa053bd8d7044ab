"""Where and in which direction a photo was taken, by its EXIF data and its panorama metadata."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.views.image_files import ImageFault, open_image

if TYPE_CHECKING:
    from PIL import Image

GPS = 0x8825
LAT_REF, LAT, LON_REF, LON, DIRECTION = 1, 2, 3, 4, 17
SIXTY = 60

XMP_KEYS = ("xmp", "XML:com.adobe.xmp")
"""What Pillow calls the XMP packet in different formats."""
PANORAMA_FIELD = re.compile(r"GPano:(\w+)\s*(?:=\s*[\"']([^\"']*)[\"']|>([^<]*)<)")
"""A property of Google's Photo Sphere XMP metadata, as an attribute or as an element."""
FULL, CROPPED = (
    ("FullPanoWidthPixels", "FullPanoHeightPixels"),
    (
        "CroppedAreaImageWidthPixels",
        "CroppedAreaImageHeightPixels",
    ),
)


class Pose(NamedTuple):
    """Degrees: position, and the compass direction of the image's centre or None."""

    lat: float
    lon: float
    heading_deg: float | None


def read_pose(path: Path) -> Pose:
    """Return a photo's pose; DataError where it has no position, or does not say on which hemisphere.

    The heading is that of the EXIF data, else that of the panorama metadata.
    """
    try:
        with open_image(path) as image:
            gps, sphere = image.getexif().get_ifd(GPS), _panorama_fields(image)
        lat = _degrees(gps[LAT]) * _sign(gps.get(LAT_REF), "NS")
        lon = _degrees(gps[LON]) * _sign(gps.get(LON_REF), "EW")
        heading = float(gps[DIRECTION]) if DIRECTION in gps else math.nan
        if not math.isfinite(heading):
            heading = float(sphere.get("PoseHeadingDegrees", "nan"))
    except ImageFault as error:
        raise DataError(error.fault) from None
    except KeyError:
        raise DataError("has no position in its EXIF data; give a --photo-table") from None
    except (TypeError, ValueError, ZeroDivisionError):
        raise DataError("has EXIF data that cannot be read") from None
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise DataError("has a position in its EXIF data that is not a number")
    return Pose(lat, lon, heading if math.isfinite(heading) else None)


def crop_of(path: Path) -> str | None:
    """Return which part of a panorama an image is by its panorama metadata, or None where it is whole.

    DataError where the image cannot be read.
    """
    try:
        with open_image(path) as image:
            fields = _panorama_fields(image)
        full, cropped = ([int(fields[name]) for name in names] for names in (FULL, CROPPED))
    except (KeyError, ValueError):
        return None
    except ImageFault as error:
        raise DataError(error.fault) from None
    if all(part >= whole for part, whole in zip(cropped, full, strict=True)):
        return None
    return f"{cropped[0]} x {cropped[1]} of {full[0]} x {full[1]} px"


def _panorama_fields(image: Image.Image) -> dict[str, str]:
    """Return the properties of the panorama metadata, those of the first occurrence."""
    packet = next((image.info[key] for key in XMP_KEYS if key in image.info), "")
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else str(packet)
    found = ((name, attribute or element) for name, attribute, element in PANORAMA_FIELD.findall(text))
    return dict(reversed(list(found)))


def _degrees(values: object) -> float:
    """Return degrees from degrees, minutes and seconds, of which the last may be missing."""
    values = values if isinstance(values, tuple) else (values,)
    if not 1 <= len(values) <= 3:
        raise ValueError
    return sum(float(value) / SIXTY**power for power, value in enumerate(values))


def _sign(reference: object, letters: str) -> int:
    """Return 1 for the first of two letters and -1 for the other; DataError for neither."""
    text = reference.decode("latin-1") if isinstance(reference, bytes) else str(reference or "")
    letter = text.strip(" \0")[:1].upper()
    if not letter or letter not in letters:
        raise DataError(
            f"says {text!r} in its EXIF data where {letters[0]} or {letters[1]} must stand, so that its "
            "hemisphere is unknown; give a --photo-table"
        )
    return 1 if letter == letters[0] else -1
