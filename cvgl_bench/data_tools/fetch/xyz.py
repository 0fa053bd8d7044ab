"""Tiles of a Web-Mercator pyramid from a URL template or from files, decoded and shared."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cvgl_bench.data_tools.fetch.client import Client, Missing
from cvgl_bench.data_tools.fetch.lru_cache import LruCache
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX
from cvgl_bench.views.images import ImageArray, read_image

PLACEHOLDER = re.compile(r"\{(key:)?([^{}]*)\}")
KEY_PREFIX = "CVGL_KEY_"
"""Only variables of this name are read, so that a card from a stranger cannot ask for others."""
CACHE_BYTES = 64_000_000
"""Encoded tiles kept in memory: about 4,000, since neighbouring crops share their tiles."""
DECODED_TILES = 64
"""Decoded tiles kept as well, for the next crop of a row: 12 MB."""
DEFAULT_PATTERN = "{z}/{x}/{y}"


class Tile(NamedTuple):
    """A tile's address: zoom, column from 180 W, row from the north."""

    z: int
    x: int
    y: int


TileReader = Callable[[Tile], bytes]
"""Returns a tile's encoded image; raises DataError where there is none."""


class Template:
    """An address with {z}, {x}, {y} (or {-y}, counted from the south), and {key:NAME} for CVGL_KEY_NAME."""

    def __init__(self, text: str) -> None:
        self.text = text
        names = {name for is_key, name in PLACEHOLDER.findall(text) if not is_key}
        unknown = names - {"z", "x", "y", "-y"}
        if unknown or not {"z", "x"} <= names or not names & {"y", "-y"}:
            problem = f"does not know {{{min(unknown)}}}" if unknown else "lacks one of {z}, {x}, {y}"
            raise UsageError(
                f"The tile address '{text}' {problem}; write it like https://host/{{z}}/{{x}}/{{y}}."
            )
        self.secrets = tuple(_secret(name) for is_key, name in PLACEHOLDER.findall(text) if is_key)

    def fill(self, tile: Tile) -> str:
        """Return the address of one tile."""
        values = {"z": tile.z, "x": tile.x, "y": tile.y, "-y": 2**tile.z - 1 - tile.y}
        return PLACEHOLDER.sub(
            lambda match: _secret(match[2]) if match[1] else str(values[match[2]]), self.text
        )


def _secret(name: str) -> str:
    variable = KEY_PREFIX + name
    value = os.environ.get(variable)
    if not value:
        raise UsageError(
            f"The environment variable {variable} is not set; put the key of the tile service into it."
        )
    return value


def remote_tiles(template: Template, client: Client) -> TileReader:
    """Return a reader of tiles behind an HTTP template; a body that is no image counts as a failed try."""

    def read(tile: Tile) -> bytes:
        return client.get(template.fill(tile), accept=_image_bytes)

    return read


def local_tiles(place: str) -> TileReader:
    """Return a reader of tile files: a path with placeholders, or a folder of z/x/y files."""
    template = Template(place if "{" in place else _folder_template(Path(place)))

    def read(tile: Tile) -> bytes:
        path = Path(template.fill(tile))
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise Missing(f"there is no tile {path}") from None
        except OSError as error:
            raise DataError(f"the tile {path} cannot be read: {error.strerror}") from None

    return read


def _folder_template(folder: Path) -> str:
    first = next(folder.glob("[0-9]*/[0-9]*/[0-9]*.*"), None)
    if first is None:
        raise UsageError(
            f"{folder} holds no tiles named z/x/y.png; give the names as a pattern, like "
            f"'{folder}/tile-{{x}}-{{y}}-{{z}}.png'."
        )
    return str(folder / f"{DEFAULT_PATTERN}{first.suffix}")


def decode(data: bytes) -> ImageArray:
    """Return an encoded image as RGB; DataError says how the body begins where it is none."""
    try:
        return read_image(io.BytesIO(data))
    except DataError:
        raise DataError(
            f"{len(data)} bytes that are not a whole image, beginning with {data[:24]!r}"
        ) from None


def _image_bytes(data: bytes) -> bytes:
    decode(data)
    return data


class TileStore:
    """Decoded tiles of one source; a tile that several threads want is read once.

    read: where the encoded tiles come from.
    tile_px: side of the source's tiles; 512 for 'retina' services, whose zoom is one less.
    """

    def __init__(self, read: TileReader, *, tile_px: int = MERCATOR_TILE_PX) -> None:
        self.tile_px = tile_px
        self._encoded = LruCache(read, size=len, most_bytes=CACHE_BYTES)
        self._decoded = lru_cache(maxsize=DECODED_TILES)(self._decode)

    def tile(self, tile: Tile) -> ImageArray:
        """Return a tile's pixels (tile_px, tile_px, 3); DataError where it is missing or of another size.

        The array is shared: do not write to it.
        """
        return self._decoded(tile)

    def _decode(self, tile: Tile) -> ImageArray:
        image = decode(self._encoded.get(tile))
        if image.shape[:2] != (self.tile_px, self.tile_px):
            height, width = image.shape[:2]
            raise DataError(
                f"tile {tile.z}/{tile.x}/{tile.y} has {width} x {height} pixels instead of "
                f"{self.tile_px} x {self.tile_px}"
            )
        return image
