"""Opening image files: of the formats that data sets use and no others, and never larger than allowed."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import IO

from PIL import Image
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from cvgl_bench.foundation.errors import DataError, UsageError

FORMATS: dict[bytes, Callable[[IO[bytes], str], Image.Image]] = {
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"\xff\xd8\xff": jpeg_factory,
    b"RIFF": WebPImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"II+\0": TiffImageFile,
    b"MM\0+": TiffImageFile,
}
"""By how their files begin. Pillow knows dozens more, one of which starts Ghostscript."""
TEXT = (b"<!doctype", b"<html", b"<?xml", b"{")
START_BYTES = 256

MOST_PX = 200_000_000
"""Pixels of an image: a panorama of 16,384 x 8,192 has 134 million. They take three bytes each."""
MOST_PX_VARIABLE = "CVGL_MOST_IMAGE_PX"


class ImageFault(DataError):
    """An image cannot be used; `fault` is the reason as it follows the file's name."""

    def __init__(self, name: object, fault: str) -> None:
        super().__init__(f"The image {name} {fault}.")
        self.name, self.fault = str(name), fault

    def __reduce__(self) -> tuple[type[ImageFault], tuple[str, str]]:
        """Travel whole from the processes that read images."""
        return type(self), (self.name, self.fault)


class ImageTooLarge(ImageFault):
    """By its header an image has more pixels than are read."""


@contextmanager
def open_image(path: str | PathLike[str] | IO[bytes], *, most_px: int | None = None) -> Iterator[Image.Image]:
    """Open a PNG, JPEG, WebP or TIFF file by its header; pixels are decoded when they are asked for.

    most_px: pixels that it may have; otherwise `MOST_PX`, or what the environment variable
    CVGL_MOST_IMAGE_PX says. Raises ImageFault where the file is missing, damaged (in the block too), of
    another format or too large (ImageTooLarge).
    """
    name = path if isinstance(path, (str, PathLike)) else "in memory"
    limit = _most_px() if most_px is None else most_px
    try:
        with _recognised(path, name) as image:
            if image.width * image.height > limit:
                fault = f"has {image.width} x {image.height} pixels, more than the {limit:,} that are read"
                hint = f"; the environment variable {MOST_PX_VARIABLE} sets that limit"
                raise ImageTooLarge(name, fault + (hint if most_px is None else ""))
            yield image
    except FileNotFoundError:
        raise ImageFault(name, "does not exist") from None
    except (OSError, SyntaxError, ValueError, IndexError, TypeError, struct.error) as error:
        if isinstance(error, OSError) and error.strerror:
            raise ImageFault(name, f"cannot be read ({error.strerror})") from None
        raise ImageFault(name, f"is damaged ({error}); fetch or make it again") from None


@contextmanager
def _recognised(path: str | PathLike[str] | IO[bytes], name: object) -> Iterator[Image.Image]:
    # Not by `Image.open`, which tries formats one after the other and has a limit and a warning of its own.
    file = open(path, "rb") if isinstance(path, (str, PathLike)) else path
    with file:
        start = file.read(START_BYTES)
        file.seek(0)
        opener = next((FORMATS[begin] for begin in FORMATS if start.startswith(begin)), None)
        if opener is None:
            raise ImageFault(name, _content(start))
        with opener(file, str(name)) as image:
            yield image


def _content(start: bytes) -> str:
    start = start.lstrip().lower()
    if not start:
        return "is empty"
    if start.startswith(TEXT):
        return "is a text page saved as an image, probably a server's error message"
    return "is not an image of a format that is read (PNG, JPEG, WebP, TIFF)"


def _most_px() -> int:
    text = os.environ.get(MOST_PX_VARIABLE, "").replace("_", "")
    if not text:
        return MOST_PX
    if not text.isdecimal() or not int(text):
        raise UsageError(f"{MOST_PX_VARIABLE} is '{text}', but it must be a number of pixels.")
    return int(text)
