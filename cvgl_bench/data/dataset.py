"""A data set's card: everything about it that is not on the user's disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cvgl_bench.data.card_fields import DEFAULT_DECENTRALITY_EDGES, checked_fields


@dataclass(frozen=True)
class Dataset:
    """A data set's card: everything about it that is not on the user's disk.

    `layout` names how it lies on disk (`cvgl-bench list layouts`); that there is one of this name is
    seen when the card is looked up or read. `splits` maps a split name to its training and test cities.
    `tile` holds `size_px` (height, width) and, where places have coordinates, `zoom` (Web-Mercator) or
    `m_per_px`, by city if need be. `counts` holds the official numbers that `dataset verify` compares
    with. Raises DataError for a field that cannot hold what it is given, whoever makes the card.
    """

    name: str
    title: str
    layout: str
    cities: tuple[str, ...]
    splits: Mapping[str, Mapping[str, tuple[str, ...]]]
    tile: Mapping[str, Any]
    panorama: Mapping[str, Any] = field(default_factory=dict)
    label_editions: tuple[str, ...] = ()
    decentrality_edges: tuple[float, ...] = DEFAULT_DECENTRALITY_EDGES
    counts: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    access: str = ""
    folder: str = ""
    """Where the data are, if the card says so: in its file relative to it, `.` where it lies among them."""
    generated: str | None = None
    """Name of the world plan that generates this data set, or None where the user brings it."""
    fetch: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in checked_fields(dict(vars(self)), f"Card '{self.name}'").items():
            object.__setattr__(self, name, value)
