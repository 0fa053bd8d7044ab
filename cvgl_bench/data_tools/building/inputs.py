"""What a data set is built from, once it has been looked at."""

from __future__ import annotations

from dataclasses import dataclass

from cvgl_bench.data_tools.building.photos import Fault, Photo
from cvgl_bench.data_tools.building.sheets import Sheet, SheetProvider
from cvgl_bench.views.images import Size


@dataclass(frozen=True)
class Inputs:
    """Photos and pieces of imagery that can be used, what cuts tiles out of them, and what was left out.

    size: height and width that panoramas are stored with, which all have a heading then; None for other
    photos. beside: by their kind, how many files of the folder of photos are no photos of the data set.
    """

    photos: list[Photo]
    pieces: list[Sheet]
    provider: SheetProvider
    size: Size | None
    faults: list[Fault]
    beside: dict[str, int]

    @property
    def panorama(self) -> bool:
        """Whether the photos are panoramas."""
        return self.size is not None
