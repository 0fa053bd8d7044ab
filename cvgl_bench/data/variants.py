"""Named variants of a task: what is done to every test query before a method sees it.

A variant is written `NAME` or `NAME:VALUE` and recorded with the result. Where a variant turns each
camera at random, the heading follows from the query's name alone: every method on every machine sees the
same view, and the view of 90 degrees lies in the middle of the query's view of 180.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cvgl_bench.foundation.errors import OptionError, UnknownNameError, suggest
from cvgl_bench.views.images import ImageArray

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset

BLUR_REACH_SIGMAS = 4
"""Half the blur's window; what lies beyond weighs less than a grey level."""

UNSEEN = (124, 116, 104)
"""Colour of what a narrow view does not show: ImageNet's mean, which most backbones normalise to zero."""

Change = Callable[[ImageArray, float, float], ImageArray]
"""From an image, the variant's value and the query's random heading in degrees to the image to be seen."""


@dataclass(frozen=True)
class VariantKind:
    """A family of variants that differ in a value.

    least, most: bounds of the value. swept: what a sweep tries by default; empty where the variant takes
    no value.
    """

    help: str
    change: Change
    unit: str = ""
    least: float = 0
    most: float = 0
    whole: bool = False
    """Whether the value is a whole number."""
    full_turn: bool = False
    """Whether queries must be panoramas of 360 degrees."""
    swept: tuple[float, ...] = ()


def turn(panorama: ImageArray, yaw_deg: float) -> ImageArray:
    """Return the panorama of a camera turned clockwise, so that its centre column looks to `yaw_deg`."""
    import numpy as np

    return np.roll(panorama, -round(panorama.shape[1] * yaw_deg / 360), axis=1)


def narrow(panorama: ImageArray, fov_deg: float) -> ImageArray:
    """Return the panorama with everything but the middle `fov_deg` painted over in one colour.

    Some published protocols cut the columns out instead (TransGeo, CVPR 2022); here a method gets an
    image of the size and the degrees per pixel that it was made for.
    """
    width = panorama.shape[1]
    seen = max(1, round(width * fov_deg / 360))
    left = (width - seen) // 2
    masked = panorama.copy()
    masked[:, :left] = masked[:, left + seen :] = UNSEEN
    return masked


def recompress(image: ImageArray, quality: float) -> ImageArray:
    """Return the image after JPEG compression."""
    from cvgl_bench.views.augmentation import compress

    return compress(image, int(quality))


def defocus(panorama: ImageArray, sigma_deg: float) -> ImageArray:
    """Return the panorama blurred by a Gaussian of `sigma_deg` of its 360 degrees, across its seam too."""
    import cv2
    import numpy as np

    width = panorama.shape[1]
    sigma_px = width * sigma_deg / 360
    reach_px = math.ceil(BLUR_REACH_SIGMAS * sigma_px)
    wrapped = np.pad(panorama, ((0, 0), (reach_px, reach_px), (0, 0)), mode="wrap")
    side_px = 2 * reach_px + 1
    blurred = cv2.GaussianBlur(wrapped, (side_px, side_px), sigma_px, borderType=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(blurred[:, reach_px : reach_px + width])


def brighten(image: ImageArray, factor: float) -> ImageArray:
    """Return the image with every grey level times `factor`, at most white."""
    import cv2
    import numpy as np

    return np.asarray(cv2.convertScaleAbs(image, alpha=factor), np.uint8)


def _yaw_random(image: ImageArray, value: float, heading_deg: float) -> ImageArray:
    return turn(image, heading_deg)


def _fov_random(image: ImageArray, value: float, heading_deg: float) -> ImageArray:
    return narrow(turn(image, heading_deg), value)


def _plainly(change: Callable[[ImageArray, float], ImageArray]) -> Change:
    return lambda image, value, heading_deg: change(image, value)


_angle = partial(VariantKind, unit="degrees", least=1, most=359, full_turn=True)

KINDS = {
    "yaw": _angle("Turn every camera clockwise by one angle.", _plainly(turn), swept=(45,)),
    "yaw-random": VariantKind("Turn each camera by an angle of its own.", _yaw_random, full_turn=True),
    "fov": _angle(
        "See only so much around north, the rest in one grey.", _plainly(narrow), swept=(180, 90, 70)
    ),
    "fov-random": _angle(
        "The same around a heading of each query's own, moved to the middle.",
        _fov_random,
        swept=(180, 90, 70),
    ),
    "jpeg": VariantKind(
        "Compress as JPEG.",
        _plainly(recompress),
        unit="quality",
        least=1,
        most=100,
        whole=True,
        swept=(50, 20, 10),
    ),
    "blur": VariantKind(
        "Blur by a Gaussian of this deviation.",
        _plainly(defocus),
        unit="degrees",
        least=0.05,
        most=20,
        full_turn=True,
        swept=(0.5, 1, 2),
    ),
    "brightness": VariantKind(
        "Multiply grey levels.", _plainly(brighten), unit="times", least=0.05, most=20, swept=(0.25, 0.5, 2)
    ),
}
"""Every family of variants by name."""

PLAIN_NAME = "none"


@dataclass(frozen=True)
class Variant:
    """What is done to the query images of a split; `PLAIN` does nothing."""

    name: str = PLAIN_NAME
    value: float | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value:g}"

    @property
    def slug(self) -> str:
        """The variant as part of a file name."""
        return str(self).replace(":", "-")

    def __call__(self, image: ImageArray, query: str) -> ImageArray:
        """Return what is seen of an image (H, W, 3) of the query called `query`."""
        if self.name == PLAIN_NAME:
            return image
        return KINDS[self.name].change(image, self.value or 0.0, heading_deg(query))


PLAIN = Variant()


def heading_deg(query: str) -> float:
    """Return a query's random heading, 0 to 360 degrees: uniform over names, the same for ever."""
    first = hashlib.sha256(query.encode()).digest()[:8]
    return int.from_bytes(first, "big") / 2**64 * 360


def find_variant(text: str, dataset: Dataset) -> Variant:
    """Return the variant that a person wrote, or raise UnknownNameError or OptionError saying what to write.

    dataset: whose queries are to be changed; some variants need panoramas of 360 degrees.
    """
    name, colon, value = text.strip().partition(":")
    if name == PLAIN_NAME and not colon:
        return PLAIN
    if name not in KINDS:
        raise UnknownNameError(
            f"There is no variant '{name}'.{suggest(name, [PLAIN_NAME, *KINDS])} "
            f"Known: {', '.join([PLAIN_NAME, *map(_form, KINDS)])}."
        )
    across = dataset.panorama.get("horizontal_deg", 360)
    if KINDS[name].full_turn and across < 360:
        raise OptionError(
            f"Variant '{text}' needs panoramas of 360 degrees; the queries of {dataset.name} look "
            f"{across:g} degrees wide."
        )
    if not KINDS[name].unit:
        if colon:
            raise OptionError(f"Variant '{text}': {name} takes no value; write '{name}'.")
        return Variant(name)
    return Variant(name, _value(text, name, value))


def default_sweep(dataset: Dataset) -> list[Variant]:
    """Return the variants that a sweep of a data set tries by default."""
    whole = dataset.panorama.get("horizontal_deg", 360) >= 360
    return [
        Variant(name, value)
        for name, kind in KINDS.items()
        if whole or not kind.full_turn
        for value in kind.swept or ((None,) if not kind.unit else ())
    ]


def _value(text: str, name: str, given: str) -> float:
    kind = KINDS[name]
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not kind.least <= value <= kind.most or (kind.whole and value != int(value)):
        number = "a whole number" if kind.whole else "a number"
        raise OptionError(
            f"Variant '{text}': {name} takes {number} of {kind.unit} from {kind.least:g} to "
            f"{kind.most:g}, such as '{name}:{kind.swept[0]:g}'."
        )
    return value


def _form(name: str) -> str:
    kind = KINDS[name]
    return f"{name}:{kind.unit.upper()}" if kind.unit else name
