"""The two label conventions of tiled data sets, which share their folders and files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvgl_bench.data.layouts.names import NamePattern


@dataclass(frozen=True)
class Convention:
    """How a tiled layout writes names and labels, and which references training sees."""

    query_name: NamePattern
    reference_name: NamePattern
    numbers: Literal["offset", "position"]
    """`offset`: tile centre minus query, north then east. `position`: x, y of the query in the tile."""
    training_references: Literal["all", "positives"]


CONVENTIONS: dict[str, Convention] = {
    "vigor": Convention(
        query_name=NamePattern(",", 4, 1, 2, "<id>,<lat>,<lon>,.jpg"),
        reference_name=NamePattern("_", 3, 1, 2, "satellite_<lat>_<lon>.png"),
        numbers="offset",
        training_references="all",
    ),
    "dress": Convention(
        query_name=NamePattern(",", 6, 2, 3, "<a>,<b>,<lat>,<lon>,<c>,<d>.jpg"),
        reference_name=NamePattern("_", 4, 3, 2, "<a>_<b>_<lon>_<lat>.jpg"),
        numbers="position",
        training_references="positives",
    ),
}
