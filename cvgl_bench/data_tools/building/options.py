"""Everything that a person may set when building a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvgl_bench.foundation.options import option


@dataclass(frozen=True)
class BuildOptions:
    """What a data set is built from, and how."""

    imagery: str = option(
        "",
        "XYZ tiles (folder, pattern or URL with {z} {x} {y}), GeoTIFFs, or CSV (image, lat_deg, lon_deg)",
    )
    photos: str = option("", "folder of panoramas or photos")
    photo_table: str | None = option(
        None, "CSV of the photos (photo, lat_deg, lon_deg, heading_deg); without it positions come from EXIF"
    )
    columns: tuple[str, ...] = option((), "a CSV's own name of a column, as image=ortho")
    zoom: float | None = option(
        None,
        "Web-Mercator zoom of XYZ imagery, of images in a CSV, or to turn GeoTIFFs into",
        least=0,
        most=24,
    )
    m_per_px: float | None = option(None, "metres per pixel of images in a CSV", least=1e-4)
    areas: tuple[str, ...] = option(
        (), "area of XYZ imagery as west,south,east,north or City=west,south,east,north, in degrees"
    )
    tile_px: int | None = option(
        None, "side of a tile; without it every image of a CSV is one tile", least=16
    )
    source_tile_px: int | None = option(
        None,
        "side of the XYZ tiles, where it is not 256; --zoom is that of the pixels, one more than that of "
        "tiles of 512. In a folder it is seen",
        least=256,
    )
    placeholders: tuple[str, ...] = option(
        (), "SHA-256, or its first 16 digits, of a picture by which XYZ imagery says 'no imagery here'"
    )
    overlap: float = option(0.0, "share of a tile's side that its neighbour covers too", least=0, most=0.9)
    tile_format: Literal["png", "jpg"] = option("png", "format of the tiles")
    photo_kind: Literal["auto", "panorama", "perspective"] = option(
        "auto",
        "panoramas are turned north and resized, perspective photos kept; auto goes by a width of 2 x height",
    )
    panorama_width_px: int = option(2048, "width of the panoramas", least=64)
    field_of_view_deg: float | None = option(
        None, "horizontal field of view of perspective photos", least=1, most=179
    )
    positive: Literal["nearest", "central"] = option(
        "nearest",
        "a query's tile: the one with the nearest centre, or only one that has it in its central half",
    )
    semi_positives: int = option(3, "further tiles that a label names", least=0, most=3)
    semi_rule: Literal["covering", "nearest"] = option(
        "covering", "name only tiles that show the place, or the nearest, as DReSS does"
    )
    test_cities: tuple[str, ...] = option((), "cities that test in a cross-area split, the others train")
    test_fraction: float = option(0.5, "share of a city's queries that tests", least=0.01, most=0.99)
    block_m: float = option(200.0, "side of the blocks that go to training or test as a whole", least=1)
    buffer_m: float = option(50.0, "training queries this close to a test query are left out", least=0)
    seed: int = option(0, "which blocks test", least=0)
    skip_bad: bool = option(False, "leave out photos and images that cannot be used, instead of stopping")
    title: str = option("", "title of the data set on its card")
    licence: str = option("", "licence of the imagery and the photos, for the card")
