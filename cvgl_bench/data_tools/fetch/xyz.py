"""Tiles of a Web-Mercator pyramid, decoded, shared, and told from what stands in for a missing one."""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import NamedTuple

from cvgl_bench.data_tools.fetch.client import Missing
from cvgl_bench.data_tools.fetch.lru_cache import LruCache
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX
from cvgl_bench.views.image_files import ImageFault, ImageTooLarge, open_image
from cvgl_bench.views.images import ImageArray, to_rgb

CACHE_BYTES = 64_000_000
"""Encoded tiles kept in memory: about 4,000, since neighbouring crops share their tiles."""
DECODED_TILES = 64
"""Decoded tiles kept as well, for the next crop of a row: 12 MB."""
MOST_TILE_PX = 2048 * 2048
"""Pixels of a tile, which is refused by its header if it has more: a few bytes can stand for gigabytes."""
FINGERPRINT_DIGITS = 16
FINGERPRINT = re.compile(r"[0-9a-fA-F]{16}|[0-9a-fA-F]{64}")
REMEMBERED_PICTURES = 4096
REPEATED = 3
"""Tiles that must be one and the same picture before it is spoken of."""
SHOWN_PICTURES = 3


class Tile(NamedTuple):
    """A tile's address: zoom, column from 180 W, row from the north."""

    z: int
    x: int
    y: int


TileReader = Callable[[Tile], bytes]
"""Returns a tile's encoded image; raises DataError where there is none."""


def decode(data: bytes) -> ImageArray:
    """Return an encoded tile as RGB.

    DataError says how the body begins where it is no image, Missing that it is transparent all over.
    """
    try:
        with open_image(io.BytesIO(data), most_px=MOST_TILE_PX) as image:
            if image.has_transparency_data and not image.convert("RGBA").getchannel("A").getextrema()[1]:
                raise Missing("nothing but transparent pixels")
            return to_rgb(image)
    except ImageTooLarge as error:
        raise DataError(f"a picture that {error.fault}") from None
    except ImageFault:
        raise DataError(
            f"{len(data)} bytes that are not a whole image, beginning with {data[:24]!r}"
        ) from None


class Pictures:
    """Tells pictures that mean 'no imagery here', and counts those that come for several tiles.

    placeholders: fingerprints of the former, which begin the SHA-256 of their files. Only the latest few
    thousand pictures are remembered. Used from many threads.
    """

    def __init__(self, placeholders: Collection[str] = ()) -> None:
        for text in placeholders:
            if not FINGERPRINT.fullmatch(text):
                raise UsageError(
                    f"The placeholder '{text}' is not the SHA-256 of a file, nor its first "
                    f"{FINGERPRINT_DIGITS} digits."
                )
        self._placeholders = {text[:FINGERPRINT_DIGITS].lower() for text in placeholders}
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[Tile, int]] = OrderedDict()

    def check(self, tile: Tile, data: bytes) -> None:
        """Note the picture of a tile; Missing where it is a placeholder."""
        fingerprint = hashlib.sha256(data).hexdigest()[:FINGERPRINT_DIGITS]
        if fingerprint in self._placeholders:
            raise Missing(f"tile {tile.z}/{tile.x}/{tile.y} is the placeholder {fingerprint}")
        with self._lock:
            first, count = self._counts.get(fingerprint, (tile, 0))
            # A tile that is read again says nothing new.
            self._counts[fingerprint] = first, count + (count == 0 or tile != first)
            self._counts.move_to_end(fingerprint)
            if len(self._counts) > REMEMBERED_PICTURES:
                self._counts.popitem(last=False)

    def remarks(self) -> list[str]:
        """Return a line for each picture that stood for several tiles, the most frequent first."""
        with self._lock:
            counts = sorted(self._counts.items(), key=lambda item: -item[1][1])
        return [
            f"{count:,} tiles are one and the same picture, the first {first.z}/{first.x}/{first.y}; if it "
            f"is a placeholder for missing imagery, begin anew with --placeholders {fingerprint}"
            for fingerprint, (first, count) in counts[:SHOWN_PICTURES]
            if count >= REPEATED
        ]


class TileStore:
    """Decoded tiles of one source; a tile that several threads want is read once.

    read: where the encoded tiles come from.
    tile_px: side of the source's tiles; 512 for 'retina' services, whose zoom is one less.
    placeholders: as for `Pictures`.
    """

    def __init__(
        self, read: TileReader, *, tile_px: int = MERCATOR_TILE_PX, placeholders: Collection[str] = ()
    ) -> None:
        if not is_tile_side(tile_px):
            raise UsageError(f"Tiles of {tile_px} pixels a side are not known; they have 256, 512 or 1024.")
        self.tile_px = tile_px
        self._read = read
        self._pictures = Pictures(placeholders)
        self._encoded = LruCache(self._checked, size=len, most_bytes=CACHE_BYTES)
        self._decoded = lru_cache(maxsize=DECODED_TILES)(self._decode)

    def tile(self, tile: Tile) -> ImageArray:
        """Return a tile's pixels (tile_px, tile_px, 3); DataError where it is missing or of another size.

        The array is shared: do not write to it.
        """
        return self._decoded(tile)

    def remarks(self) -> list[str]:
        """Return what a person should know of the tiles that came."""
        return self._pictures.remarks()

    def _checked(self, tile: Tile) -> bytes:
        data = self._read(tile)
        self._pictures.check(tile, data)
        return data

    def _decode(self, tile: Tile) -> ImageArray:
        image = decode(self._encoded.get(tile))
        height, width = image.shape[:2]
        if (height, width) == (self.tile_px, self.tile_px):
            return image
        name = f"tile {tile.z}/{tile.x}/{tile.y}"
        if max(height, width) < MERCATOR_TILE_PX:
            raise Missing(f"{name} is a picture of {width} x {height} pixels, which stands for no imagery")
        hint = ""
        if height == width and is_tile_side(width):
            hint = (
                f"; say so by --source-tile-px {width} (dataset build) or --tile-px {width} (dataset fetch), "
                "where --zoom is that of the pixels"
            )
        raise DataError(
            f"{name} has {width} x {height} pixels instead of {self.tile_px} x {self.tile_px}{hint}"
        )


def is_tile_side(pixels: int) -> bool:
    """Return whether tiles may have so many pixels a side: 256, or that doubled."""
    return pixels in (MERCATOR_TILE_PX * 2**level for level in range(4))
