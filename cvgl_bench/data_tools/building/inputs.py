"""What a data set is built from, once it has been looked at."""

from __future__ import annotations

from dataclasses import dataclass

from cvgl_bench.data_tools.building.photos import Fault, Photo
from cvgl_bench.data_tools.building.sheets import Sheet, SheetProvider


@dataclass(frozen=True)
class Inputs:
    """Photos and pieces of imagery that can be used, what cuts tiles out of them, and what was left out.

    panorama: whether the photos are panoramas, which all have a heading then.
    """

    photos: list[Photo]
    pieces: list[Sheet]
    provider: SheetProvider
    panorama: bool
    faults: list[Fault]
