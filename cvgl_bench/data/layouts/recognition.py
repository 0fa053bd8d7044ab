"""What the labels of a tiled data set turn out to be, compared with the coordinates in the names.

From the comparison follow the label edition (how many metres a label's pixel is) and whether a tile's
coordinate is its centre or one of its corners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.cities import CityLabels
from cvgl_bench.data.layouts.conventions import Convention
from cvgl_bench.data.layouts.geometry import m_per_px
from cvgl_bench.foundation.errors import DataError, OptionError, suggest

Floats = NDArray[np.float64]

EDITION_TOLERANCE = 0.003
"""Largest relative difference between a label edition's metres per pixel and the measured ones.

VIGOR's editions differ by 0.66 % in New York, and measure within 0.1 % of what they state.
"""

SINGLE_EDITION_TOLERANCE = 0.01
"""The same where there is nothing to mistake the edition for; Web-Mercator alone costs 0.4 %."""


LEAST_LEVER = 0.1
"""Offsets shorter than this share of a tile do not count: rounding to whole pixels drowns their ratio."""


@dataclass(frozen=True)
class TileAnchor:
    """Which point of a tile the coordinate in its name is."""

    name: str
    x: float
    """Position in the tile as a share of its width, from the left."""
    y: float
    """Position as a share of its height, from the top."""


CENTRE = TileAnchor("centre", 0.5, 0.5)
TILE_ANCHORS = (
    CENTRE,
    TileAnchor("top-left corner", 0, 0),
    TileAnchor("top-right corner", 1, 0),
    TileAnchor("bottom-left corner", 0, 1),
    TileAnchor("bottom-right corner", 1, 1),
)

ANCHOR_TOLERANCE = 0.1
"""Largest distance between the found and a named point of the tile, as a share of its side."""


@dataclass(frozen=True)
class Found:
    """What labels turned out to be.

    edition: the label edition. anchor: what a tile's coordinate is the coordinate of. measured: by city,
    the metres per pixel that its labels measure, and its latitude. faults: what does not fit.
    """

    edition: str
    anchor: TileAnchor
    measured: Mapping[str, tuple[float, float]]
    faults: tuple[str, ...]


def recognise(
    dataset: Dataset, convention: Convention, tables: Sequence[CityLabels], given: str | None
) -> Found:
    """Return label edition and tile anchor; DataError where no edition fits, or not the `given` one."""
    measured = {}
    for name in {table.city.name: None for table in tables}:
        own = [table for table in tables if table.city.name == name]
        measured[name] = _measured_m_per_px(dataset, convention, own), float(np.nanmean(own[0].city.lat))
    if len(dataset.label_editions) > 1:
        edition, faults = _recognise_edition(dataset, measured, given), []
    else:
        edition = dataset.label_editions[0] if dataset.label_editions else ""
        faults = _scale_faults(dataset, measured, edition)
    anchor = CENTRE
    if convention.numbers == "position":
        anchor, miss_px = _recognise_anchor(dataset, edition, tables)
        if np.abs(miss_px).max() > ANCHOR_TOLERANCE * min(dataset.tile["size_px"]):
            faults.append(
                f"the coordinate in a tile's name is taken for its {CENTRE.name}, but the labels lie "
                f"{miss_px[0]:.0f} px right of and {miss_px[1]:.0f} px below where the nearest point, its "
                f"{anchor.name}, would put them"
            )
            anchor = CENTRE
    return Found(edition, anchor, measured, tuple(faults))


def _measured_m_per_px(dataset: Dataset, convention: Convention, tables: Sequence[CityLabels]) -> float:
    """Return the median ratio of offsets by coordinates to offsets by labels; NaN without any.

    Offsets from an unknown point of the tile are compared after taking their medians away.
    """
    true_m = np.concatenate([table.offset_m for table in tables])
    label_px = np.concatenate([table.offset_px for table in tables])
    if convention.numbers == "position":
        true_m, label_px = (v[:, 0] - np.nanmedian(v[:, 0], axis=0) for v in (true_m, label_px))
    lever_px = LEAST_LEVER * min(dataset.tile["size_px"])
    usable = (np.abs(label_px) >= lever_px) & np.isfinite(true_m)
    return float(np.median(true_m[usable] / label_px[usable])) if usable.any() else float("nan")


def require_edition(dataset: Dataset, edition: str | None) -> None:
    """Raise OptionError for a label edition that the data set does not have."""
    if edition is None or edition in dataset.label_editions:
        return
    known = ", ".join(dataset.label_editions) or "none"
    raise OptionError(
        f"Label edition '{edition}' is unknown for {dataset.name}."
        f"{suggest(edition, dataset.label_editions)} Known: {known}."
    )


def _recognise_edition(
    dataset: Dataset, measured: Mapping[str, tuple[float, float]], given: str | None
) -> str:
    """Return the label edition that fits the labels' geometry.

    measured: by city, the metres per pixel found in its labels and the city's latitude. Raises
    DataError where no edition fits, or where another one than the `given` fits.
    """
    measured = {city: both for city, both in measured.items() if np.isfinite(both[0])}
    if not measured:
        raise DataError(
            f"The label edition of {dataset.name} cannot be told: in no city is there a query with "
            "coordinates far enough off its tile's centre to measure a scale. Read more cities, "
            "or get the labels again."
        )
    misfit = {edition: _misfit(dataset, measured, edition) for edition in dataset.label_editions}
    best = min(misfit, key=misfit.__getitem__)
    found = ", ".join(f"{city} {scale:.6f} m/px" for city, (scale, _) in measured.items())
    if not misfit[best] <= EDITION_TOLERANCE:
        raise DataError(
            f"The labels of {dataset.name} are of no known edition: compared with the coordinates in the "
            f"names they measure {found}, which is neither of {_scales(dataset, measured)}. Get them again."
        )
    if given is not None and given != best:
        raise DataError(
            f"Label edition '{given}' was asked for, but the labels are the {best} ones: they measure "
            f"{found}. Give --labels {best}, or the root of a copy with {given} labels."
        )
    return best


def _misfit(dataset: Dataset, measured: Mapping[str, tuple[float, float]], edition: str) -> float:
    return max(
        abs(scale / float(m_per_px(dataset, city, edition, lat)) - 1)
        for city, (scale, lat) in measured.items()
    )


def _scales(dataset: Dataset, measured: Mapping[str, tuple[float, float]]) -> str:
    texts = []
    for edition in dataset.label_editions:
        scales = [f"{m_per_px(dataset, city, edition, lat):.6f}" for city, (_, lat) in measured.items()]
        texts.append(f"{edition} ({', '.join(scales)})")
    return " or ".join(texts)


def _scale_faults(dataset: Dataset, measured: Mapping[str, tuple[float, float]], edition: str) -> list[str]:
    far = [
        f"{city} {scale:.6f} m/px"
        for city, (scale, lat) in measured.items()
        if abs(scale / float(m_per_px(dataset, city, edition, lat)) - 1) > SINGLE_EDITION_TOLERANCE
    ]
    if not far:
        return []
    return [
        "the labels do not fit the coordinates in the names at the card's scale: they measure "
        + ", ".join(far)
    ]


def _recognise_anchor(
    dataset: Dataset, edition: str, tables: Sequence[CityLabels]
) -> tuple[TileAnchor, Floats]:
    """Return the point of a tile that its coordinate is nearest to, and how far (x, y) px from it."""
    found = []
    for table in tables:
        scale = m_per_px(dataset, table.city.name, edition, table.lat)
        found.append(table.offset_px[:, 0] - table.offset_m[:, 0] / scale[:, None])
    position_px = np.nanmedian(np.concatenate(found), axis=0)
    height, width = dataset.tile["size_px"]
    misses = [position_px - np.array([anchor.x * width, anchor.y * height]) for anchor in TILE_ANCHORS]
    best = int(np.argmin([np.linalg.norm(miss) for miss in misses]))
    return TILE_ANCHORS[best], misses[best]
