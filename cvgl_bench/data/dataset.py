"""A data set's card: everything about it that is not on the user's disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DEFAULT_DECENTRALITY_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Dataset:
    """A data set's card: everything about it that is not on the user's disk.

    `splits` maps a split name to its training and test cities. `tile` holds `size_px` (height,
    width), `zoom` (Web-Mercator) or `m_per_px` by city, and `extension`s of the layout reader.
    `counts` holds the official numbers that `dataset verify` compares with.
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
    generated: str | None = None
    """Name of the world plan that generates this data set, or None where the user brings it."""
    fetch: Mapping[str, Any] = field(default_factory=dict)
