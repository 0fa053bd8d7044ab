"""The pictures of a page: each stored once, as JPEG in the page itself, within a number of bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.views.images import ImageArray, Size, resize

MOST_BYTES_ONE_RUN = 5_000_000
"""Bytes of the page of one run."""

MOST_BYTES_FURTHER_RUN = 2_500_000
"""Bytes that every further run adds, up to MOST_BYTES."""

MOST_BYTES = 15_000_000
"""Bytes of a page, however many runs it shows."""

JPEG_QUALITY = 72

MARKUP_BYTES = 120
"""What the page writes around a picture."""


def most_bytes(run_count: int) -> int:
    """Return the bytes that a page of so many runs may have.

    >>> [most_bytes(count) for count in (1, 2, 5, 9)]
    [5000000, 7500000, 15000000, 15000000]
    """
    return min(MOST_BYTES_ONE_RUN + (run_count - 1) * MOST_BYTES_FURTHER_RUN, MOST_BYTES)


@dataclass(frozen=True)
class Picture:
    """A picture of the page: its id there, its size in pixels, and its data URI."""

    id: str
    width: int
    height: int
    uri: str


class PictureStock:
    """Pictures by what they show; those that cannot be read or do not fit are counted and left out.

    most_bytes: of all of them, as they stand in the page; without any left no image is read.
    """

    def __init__(self, most_bytes: int) -> None:
        self._left_bytes = most_bytes
        self._by_key: dict[object, Picture | None] = {}
        self.too_many = 0
        self.unreadable = 0
        self.first_fault = ""

    def add(self, key: object, read: Callable[[], ImageArray], *, most: Size) -> Picture | None:
        """Return the picture of `key`, made by `read` when it is first asked for, within `most` (h, w)."""
        if key not in self._by_key:
            self._by_key[key] = self._made(read, most)
        return self._by_key[key]

    def stored(self) -> list[Picture]:
        """Return every picture that the page must hold."""
        return [picture for picture in self._by_key.values() if picture is not None]

    def notes(self) -> list[str]:
        """Return a sentence for each reason that pictures are left out for."""
        notes = []
        if self.unreadable:
            notes.append(f"{self.unreadable:,} pictures could not be read. The first: {self.first_fault}")
        if self.too_many:
            notes.append(f"{self.too_many:,} pictures are left out so that the page stays small.")
        return notes

    def _made(self, read: Callable[[], ImageArray], most: Size) -> Picture | None:
        if self._left_bytes <= MARKUP_BYTES:
            self.too_many += 1
            return None
        try:
            image = _shrunk(read(), most)
        except DataError as error:
            self.unreadable += 1
            self.first_fault = self.first_fault or str(error)
            return None
        uri = f"data:image/jpeg;base64,{base64.b64encode(_jpeg(image)).decode()}"
        if len(uri) + MARKUP_BYTES > self._left_bytes:
            self.too_many += 1
            return None
        self._left_bytes -= len(uri) + MARKUP_BYTES
        height, width = image.shape[:2]
        return Picture(f"p{len(self._by_key)}", width, height, uri)


def _shrunk(image: ImageArray, most: Size) -> ImageArray:
    height, width = image.shape[:2]
    scale = min(most[0] / height, most[1] / width, 1.0)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize(image, size, antialias=True)


def _jpeg(image: ImageArray) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()
