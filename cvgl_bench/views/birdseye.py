"""A street panorama seen from straight above, by geometry alone: flat ground, no learning.

A virtual camera at the panorama's centre looks straight down with north up (AuxGeo, arXiv 2412.11529;
the projection is HC-Net's, NeurIPS 2023). Angles are in degrees, azimuths clockwise from
north; the panorama is equirectangular and its centre column looks to `heading_deg`.

A panorama narrower than 360 x 180 degrees keeps its full width and misses rows above and below: it is
placed in the middle of a frame twice as wide as high, moved down by `horizon_shift_px`, black around.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import DataError, UsageError

Centre = Literal["centred", "published"]
"""Where the camera's axis meets the image.

centred: between the pixels, at ((h - 1) / 2, (w - 1) / 2), and the panorama's columns lie half a pixel
    off the ends of a full turn, so that flips and turns of panorama and view agree and the seam closes.
published: at pixel (h / 2, w / 2), and the first and last column both look to the same azimuth, as in
    the code of HC-Net and AuxGeo; flipped or turned views are up to a pixel off.
"""

Levels = Literal["rounded", "truncated"]
"""How interpolated grey levels become whole; truncated: as in the published code, half a level darker."""

FOV_DEG = 170.0
"""Field of view along the longer side (AuxGeo)."""

FULL_TURN_SLACK_PX = 1
"""A panorama up to this much higher than half its width is a rounded 2:1, not a wrong kind of image."""


class _Camera(NamedTuple):
    size: tuple[int, int]
    fov_deg: float
    heading_deg: float
    centre: Centre
    horizon_shift_px: float


class _Sampling(NamedTuple):
    """Where each output pixel looks: `xy` float32 (h, w, 2) in columns, and rows from `first`.

    Rows from `first` up to `stop` are needed; those outside the panorama's own are black.
    """

    xy: NDArray[np.float32]
    first: int
    stop: int


def project(
    panorama: NDArray[np.uint8],
    size: tuple[int, int] = (384, 384),
    *,
    fov_deg: float = FOV_DEG,
    heading_deg: float = 0.0,
    centre: Centre = "centred",
    horizon_shift_px: float = 0.0,
    levels: Levels = "rounded",
) -> NDArray[np.uint8]:
    """Return the bird's-eye view (h, w, 3) of a panorama (H, W, 3), interpolated bilinearly.

    Within one grey level of a float64 computation: OpenCV 5 interpolates with full fractions (OpenCV 4
    rounds positions to 1/32 pixel, which costs up to 8 grey levels).

    Raises DataError for an array of another kind or a panorama higher than half its width, UsageError
    for a size or a field of view that no camera has.
    """
    import cv2

    if panorama.ndim != 3 or panorama.shape[2] != 3 or panorama.dtype != np.uint8:
        raise DataError(
            f"A panorama has shape {panorama.shape} and type {panorama.dtype}; a bird's-eye view needs "
            "(height, width, 3) in uint8."
        )
    camera = _Camera((size[0], size[1]), fov_deg, heading_deg, centre, horizon_shift_px)
    height, width = panorama.shape[:2]
    sampling = _sampling(camera, height, width)
    rows = panorama[max(sampling.first, 0) : sampling.stop]
    if any(blank := _blank_rows(sampling, height)):
        rows = np.pad(rows, (blank, (0, 0), (0, 0)))
    # Four channels and back: remap takes 0.5 ms on four bytes a pixel and 1.2 ms on three.
    wide = cv2.cvtColor(np.ascontiguousarray(rows), cv2.COLOR_RGB2RGBA)
    if levels == "truncated":
        wide = wide.astype(np.float32)
    # OpenCV's types do not know that with x and y in one map there is no second one.
    view = cv2.remap(  # type: ignore[call-overload]
        wide, sampling.xy, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return np.asarray(cv2.cvtColor(view.astype(np.uint8), cv2.COLOR_RGBA2RGB), np.uint8)


def _blank_rows(sampling: _Sampling, height: int) -> tuple[int, int]:
    """Return how many black rows lie above and below the panorama's own among those needed."""
    return max(-sampling.first, 0), max(sampling.stop - height, 0)


@lru_cache(maxsize=16)
def _sampling(camera: _Camera, height: int, width: int) -> _Sampling:
    """Return where a camera's pixels look in a panorama of the given size."""
    _check(camera, height, width)
    u, v = _directions(camera)
    frame_height = width / 2
    offset_px = (frame_height - height) / 2 + camera.horizon_shift_px
    if camera.centre == "published":
        x, y = u * (width - 1), v * (frame_height - 1) - int(offset_px)
    else:
        x, y = u * width - 0.5, v * frame_height - 0.5 - offset_px
    # The last row of a whole sphere holds up to the nadir; below a cut one there is nothing to see.
    whole = offset_px + height > frame_height - FULL_TURN_SLACK_PX
    y = np.clip(y, -1, height - 1 if whole else height)
    first, stop = int(np.floor(y.min())), int(np.floor(y.max())) + 2
    if whole:
        stop = min(stop, height)
    xy = np.stack([x, y - first], axis=-1).astype(np.float32)
    xy.setflags(write=False)
    return _Sampling(xy, first, stop)


def _directions(camera: _Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the panorama coordinates (u, v) in [0, 1] of every output pixel, each (h, w).

    u runs along the horizon from the panorama's left edge, v from zenith to nadir.
    """
    height, width = camera.size
    middle = (0.5, 0.5) if camera.centre == "centred" else (0.0, 0.0)
    north = height / 2 - middle[0] - np.arange(height)[:, None]
    west = width / 2 - middle[1] - np.arange(width)[None, :]
    depth = max(height, width) / 2 / np.tan(np.radians(camera.fov_deg) / 2)
    from_nadir = np.arctan2(np.hypot(north, west), depth)
    azimuth = np.arctan2(-west, north) - np.radians(camera.heading_deg)
    return np.remainder(0.5 + azimuth / (2 * np.pi), 1.0), 1 - from_nadir / np.pi


def _check(camera: _Camera, height: int, width: int) -> None:
    if len(camera.size) != 2 or min(camera.size) < 1:
        raise UsageError(f"A bird's-eye view of size {camera.size} cannot be made; give height and width.")
    if not 0 < camera.fov_deg < 180:
        raise UsageError(
            f"A field of view of {camera.fov_deg:g} degrees cannot be projected on flat ground; give one "
            "between 0 and 180."
        )
    if camera.centre not in ("centred", "published"):
        raise UsageError(f"centre is '{camera.centre}', but it must be 'centred' or 'published'.")
    if height > width / 2 + FULL_TURN_SLACK_PX:
        raise DataError(
            f"An image {width} pixels wide and {height} high is no 360-degree panorama: one is at least "
            "twice as wide as high. Cut or stitch it to the full turn first."
        )
