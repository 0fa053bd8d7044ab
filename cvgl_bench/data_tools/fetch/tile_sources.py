"""Where tiles come from: a URL template, a path with placeholders, or a folder of z/x/y files."""

from __future__ import annotations

import glob
import math
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from cvgl_bench.data_tools.fetch.client import Client, Missing
from cvgl_bench.data_tools.fetch.xyz import Tile, TileReader, decode, is_tile_side
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.geo import MERCATOR_TILE_PX
from cvgl_bench.views.image_files import open_image

PLACEHOLDER = re.compile(r"\{(key:)?([^{}]*)\}")
KEY_PREFIX = "CVGL_KEY_"
"""Only variables of this name are read, so that a card from a stranger cannot ask for others."""
TILE_FILE = re.compile(r"(\d+)\.(png|jpe?g|webp|tiff?)", re.IGNORECASE)
LISTED_COLUMNS = 256
"""Folders of a tile pyramid whose lists of files are kept in memory."""


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

    def accept(data: bytes) -> bytes:
        if not data:
            raise Missing("an empty answer")
        decode(data)
        return data

    def read(tile: Tile) -> bytes:
        return client.get(template.fill(tile), accept=accept)

    return read


def local_tiles(place: str) -> TileReader:
    """Return a reader of tile files: a path with placeholders, or a folder of z/x/y files of any formats."""
    if "{" not in place:
        return _folder_tiles(Path(place))
    template = Template(place)
    return lambda tile: _read(Path(template.fill(tile)))


def _folder_tiles(folder: Path) -> TileReader:
    _first_file(str(folder))

    @lru_cache(maxsize=LISTED_COLUMNS)
    def column(path: Path) -> Mapping[int, list[str]]:
        files: dict[int, list[str]] = {}
        for name in sorted(os.listdir(path)) if path.is_dir() else ():
            match = TILE_FILE.fullmatch(name)
            if match:
                files.setdefault(int(match[1]), []).append(name)
        return files

    def read(tile: Tile) -> bytes:
        path = folder / str(tile.z) / str(tile.x)
        names = column(path).get(tile.y, [])
        if len(names) > 1:
            raise DataError(f"{path} holds {' and '.join(names)}, which are one tile; remove all but one")
        return _read(path / (names[0] if names else str(tile.y)))

    return read


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Missing(f"there is no tile {path}") from None
    except OSError as error:
        raise DataError(f"the tile {path} cannot be read: {error.strerror}") from None


def local_tile_px(place: str) -> int:
    """Return the side of local tiles in pixels, by the first that is found; 256 where a pattern fits none."""
    first = _first_file(place)
    if first is None:
        return MERCATOR_TILE_PX
    with open_image(first) as image:
        size = image.width, image.height
    if size[0] != size[1] or not is_tile_side(size[0]):
        raise DataError(
            f"The tile {first} has {size[0]} x {size[1]} pixels; a tile has 256 x 256, or 512 x 512."
        )
    return size[0]


def require_zoom(place: str, zoom: int, *, tile_px: int) -> None:
    """Raise UsageError where a folder of tiles has none of the zoom that is wanted, naming those it has.

    zoom: that of the pixels; tiles of 512 pixels are a level higher up the pyramid than those of 256.
    """
    deeper = int(math.log2(tile_px // MERCATOR_TILE_PX))
    folder = Path(place)
    if "{" in place or (folder / str(zoom - deeper)).is_dir():
        return
    zooms = sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())
    pixel_zooms = ", ".join(str(found + deeper) for found in zooms)
    levels = ", ".join(map(str, zooms))
    raise UsageError(
        f"{folder} has tiles of {tile_px} x {tile_px} pixels in the folders {levels}, whose pixels are those "
        f"of zoom {pixel_zooms}, and none for --zoom {zoom}."
    )


def _first_file(place: str) -> Path | None:
    """Return a tile's file; UsageError for a folder without any."""
    if "{" in place:
        pieces = PLACEHOLDER.split(place)[::3]
        return next(map(Path, sorted(glob.glob("*".join(map(glob.escape, pieces))))), None)
    for path in Path(place).glob("[0-9]*/[0-9]*/[0-9]*.*"):
        if TILE_FILE.fullmatch(path.name):
            return path
    raise UsageError(
        f"{place} holds no tiles named z/x/y.png; give the names as a pattern, like "
        f"'{place}/tile-{{x}}-{{y}}-{{z}}.png'."
    )
