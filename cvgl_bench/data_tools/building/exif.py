"""Where and in which direction a photo was taken, by its EXIF data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.views.image_files import ImageFault, open_image

GPS = 0x8825
LAT_REF, LAT, LON_REF, LON, DIRECTION = 1, 2, 3, 4, 17
MINUTES, SECONDS = 60, 3600


class Pose(NamedTuple):
    """Degrees: position, and the compass direction of the image's centre or None."""

    lat: float
    lon: float
    heading_deg: float | None


def read_pose(path: Path) -> Pose:
    """Return a photo's pose; DataError where it has no position."""
    try:
        with open_image(path) as image:
            gps = image.getexif().get_ifd(GPS)
        lat = _degrees(gps[LAT], gps.get(LAT_REF), "S")
        lon = _degrees(gps[LON], gps.get(LON_REF), "W")
        heading = float(gps[DIRECTION]) if DIRECTION in gps else None
    except ImageFault as error:
        raise DataError(error.fault) from None
    except KeyError:
        raise DataError("has no position in its EXIF data; give a --photo-table") from None
    except (TypeError, ValueError, ZeroDivisionError):
        raise DataError("has EXIF data that cannot be read") from None
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise DataError("has a position in its EXIF data that is not a number")
    return Pose(lat, lon, heading if heading is not None and math.isfinite(heading) else None)


def _degrees(values: tuple, reference: str | None, negative: str) -> float:
    degrees, minutes, seconds = (float(value) for value in values)
    sign = -1 if reference == negative else 1
    return sign * (degrees + minutes / MINUTES + seconds / SECONDS)
