"""Whether the image files that a split lists are there and look like images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cvgl_bench.foundation.errors import DataError
from cvgl_bench.views.image_files import ImageFault, open_image

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

    from cvgl_bench.data.splits import Split

HEADERS_READ = 64
"""Images of each table whose header is read: enough to notice a folder of error pages, at once."""


def check_images(split: Split, *, headers: int = HEADERS_READ) -> None:
    """Raise DataError unless every listed image exists and `headers` of each table begin as images do.

    The error names the file, and the line of the list or label that names it. Folders are listed
    rather than files probed, so that half a million files take seconds.
    """
    for table in (split.references, split.queries):
        for row in missing_rows(split.root, table):
            raise DataError(
                f"{split.root / table['path'].iloc[row]} does not exist, but {_listed(table, row)} names it. "
                "`cvgl-bench dataset verify` lists every such file."
            )
        for row in range(0, len(table), max(1, len(table) // headers)):
            fault = read_header(split.root / table["path"].iloc[row]).fault
            if fault:
                raise DataError(
                    f"{split.root / table['path'].iloc[row]}, named by {_listed(table, row)}, {fault}. "
                    "`cvgl-bench dataset verify` lists every such file."
                )


def missing_rows(root: Path, table: pd.DataFrame) -> Iterator[int]:
    """Yield the rows of a table whose file is not there."""
    found: dict[str, set[str]] = {}
    for row, path in enumerate(table["path"]):
        folder, _, name = path.rpartition("/")
        if folder not in found:
            found[folder] = names_in(root / folder)
        if name not in found[folder]:
            yield row


def names_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder; none where it does not exist."""
    try:
        return set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return set()


ORIENTATION = 0x0112
"""The EXIF tag of how an image must be turned to be upright."""
ON_ITS_SIDE = (5, 6, 7, 8)
"""Its values for a quarter turn, with which `read_image` exchanges height and width."""


class Header(NamedTuple):
    """An image's height and width once upright, its format as Pillow calls it, and what is wrong with it."""

    size_px: tuple[int, int]
    format: str
    fault: str | None


def read_header(path: Path) -> Header:
    """Read an image's header; the pixels are left alone."""
    try:
        with open_image(path) as image:
            return Header(_upright_size(image), image.format or "", None)
    except ImageFault as error:
        return Header((0, 0), "", error.fault)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    # Not the method of PNG files, which would decode them to look for what may stand behind the pixels.
    from PIL import Image

    orientation = Image.Image.getexif(image).get(ORIENTATION)
    size = (image.height, image.width)
    return size[::-1] if orientation in ON_ITS_SIDE else size


def _listed(table: pd.DataFrame, row: int) -> str:
    return f"{table['source'].iloc[row]}, line {table['line'].iloc[row]}"
