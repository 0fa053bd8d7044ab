"""Queries as cards: which are shown, with their pictures, best references, and where these lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data.loading import SplitImages
from cvgl_bench.foundation import geo
from cvgl_bench.report.page.maps import ZOOM, CityMap
from cvgl_bench.report.page.pictures import Picture, PictureStock
from cvgl_bench.views.birdseye import project

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Split
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.report.page.inputs import ReportedRun

Rows = NDArray[np.int64]

KIND_TITLES = {
    "worst": "Worst: the right reference is ranked last",
    "best": "Best: found by the widest margin",
    "near": "Near misses: the best reference is wrong, but its centre lies within 50 m",
    "random": "Drawn at random",
}

NEAR_MISS_M = 50.0
"""A wrong best reference whose centre is no farther from the query is a near miss."""

CARDS_A_KIND = 6

BEST_SHOWN = 5
"""Best references that a card shows."""

PANORAMA_PX, BIRDSEYE_PX, TILE_PX = (192, 448), (144, 144), (128, 128)
"""Height and width that pictures have at most."""


def chosen(outcome: Outcome, *, seed: int) -> dict[str, Rows]:
    """Return the rows of each kind of KIND_TITLES; kinds may share a query, and may be empty.

    seed: of those drawn at random.
    """
    rank, scores = outcome.ranking.rank, outcome.ranking.top_scores
    margin = scores[:, 0] - scores[:, 1] if scores.shape[1] > 1 else np.zeros(len(rank))
    found, near = np.flatnonzero(rank == 0), near_misses(outcome)
    count = min(CARDS_A_KIND, len(rank))
    drawn = np.random.default_rng(seed).choice(len(rank), size=count, replace=False)
    return {
        "worst": np.argsort(-rank, kind="stable")[:count],
        "best": found[np.argsort(-margin[found], kind="stable")][:CARDS_A_KIND],
        "near": near[:CARDS_A_KIND],
        "random": np.sort(drawn),
    }


def near_misses(outcome: Outcome) -> Rows:
    """Return the rows of near misses, nearest first."""
    wrong = (outcome.ranking.rank > 0) & (outcome.ranking.top_rows[:, 0] != outcome.truth)
    rows = np.flatnonzero(wrong & (outcome.distance_m <= NEAR_MISS_M))
    return rows[np.argsort(outcome.distance_m[rows], kind="stable")]


def found_by_one(outcomes: Mapping[str, Outcome]) -> dict[str, Rows]:
    """Return, by name, the rows of queries that one outcome alone has at the first place.

    First come those that the nearest of the others has farthest behind.
    """
    ranks = np.sort(np.stack([outcome.ranking.rank for outcome in outcomes.values()]), axis=0)
    alone = np.flatnonzero((ranks[0] == 0) & (ranks[1] > 0)) if len(ranks) > 1 else np.empty(0, np.int64)
    alone = alone[np.argsort(-ranks[1][alone], kind="stable")] if len(alone) else alone
    return {name: alone[outcome.ranking.rank[alone] == 0] for name, outcome in outcomes.items()}


@dataclass(frozen=True)
class RankedTile:
    """A reference on a card.

    role: 'true', 'cover' or 'wrong'. rank: 0-based. score: None where the run does not keep it.
    position: the query's place in the tile, fractions from its left and top; None where it lies outside.
    """

    name: str
    rank: int
    score: float | None
    distance_m: float | None
    role: str
    picture: Picture | None
    position: tuple[float, float] | None


@dataclass(frozen=True)
class Card:
    """A query on the page; `note` says what another run made of it. rank: 0-based.

    place: the map of its city with the query and the centre of the best reference, None where unknown.
    """

    row: int
    name: str
    path: str
    city: str
    rank: int
    reference_count: int
    distance_m: float | None
    decentrality: float | None
    panorama: Picture | None
    birdseye: Picture | None
    tiles: tuple[RankedTile, ...]
    place: PlaceOnMap | None
    note: str = ""


@dataclass(frozen=True)
class PlaceOnMap:
    """A map with a query at x, y and the centre of the best reference, None where it lies in another city."""

    map: CityMap
    x: float
    y: float
    best: tuple[float, float] | None
    best_city: str


class Cards:
    """Makes the cards of one run; without its data they hold numbers alone."""

    def __init__(self, reported: ReportedRun, pictures: PictureStock, maps: Sequence[CityMap]) -> None:
        self._outcome, self._split, self._pictures = reported.outcome, reported.split, pictures
        self._maps = {each.city: each for each in maps}
        self._images = None if reported.split is None else SplitImages(reported.split)

    def card(self, row: int, *, note: str = "") -> Card:
        """Return the card of the query in a row."""
        outcome, split = self._outcome, self._split
        panorama, birdseye = self._views(row)
        return Card(
            row=row,
            name=f"row {row}" if split is None else str(split.queries["name"].iloc[row]),
            path="" if split is None else str(split.queries["path"].iloc[row]),
            city=str(outcome.city[row]),
            rank=int(outcome.ranking.rank[row]),
            reference_count=outcome.reference_count,
            distance_m=_known(outcome.distance_m[row]),
            decentrality=_known(outcome.decentrality[row]),
            panorama=panorama,
            birdseye=birdseye,
            tiles=() if split is None else self._tiles(row, split),
            place=None if split is None else self._place(row, split),
            note=note,
        )

    def _views(self, row: int) -> tuple[Picture | None, Picture | None]:
        """Return the panorama and its bird's-eye view, which only a whole panorama has."""
        if self._images is None or self._split is None:
            return None, None
        read, variant = self._images.query, str(self._split.variant)
        panorama = self._pictures.add(("query", variant, row), lambda: read(row), most=PANORAMA_PX)
        if panorama is None or panorama.width != 2 * panorama.height:
            return panorama, None
        return panorama, self._pictures.add(
            ("birdseye", variant, row), lambda: project(read(row), BIRDSEYE_PX), most=BIRDSEYE_PX
        )

    def _tiles(self, row: int, split: Split) -> tuple[RankedTile, ...]:
        """Return the best references, and last the true one where it is not among them."""
        ranking = self._outcome.ranking
        best = ranking.top_rows[row, :BEST_SHOWN]
        tiles = [
            self._tile(row, int(reference), split, rank=rank, score=float(ranking.top_scores[row, rank]))
            for rank, reference in enumerate(best)
        ]
        if not set(best.tolist()) & set(split.truths[row].tolist()):
            tiles.append(
                self._tile(row, int(split.truth[row]), split, rank=int(ranking.rank[row]), score=None)
            )
        return tuple(tiles)

    def _tile(self, row: int, reference: int, split: Split, *, rank: int, score: float | None) -> RankedTile:
        role = "cover" if reference in split.covers[row] else "wrong"
        table = split.references
        assert self._images is not None
        read = self._images.reference
        centre = table[["lat", "lon"]].iloc[reference]
        here = split.queries[["lat", "lon"]].iloc[row]
        return RankedTile(
            name=str(table["name"].iloc[reference]),
            rank=rank,
            score=score,
            distance_m=_known(float(geo.geodesic_m(*here, *centre))),
            role="true" if reference in split.truths[row] else role,
            picture=self._pictures.add(("tile", reference), lambda: read(reference), most=TILE_PX),
            position=_position(split, row, reference),
        )

    def _place(self, row: int, split: Split) -> PlaceOnMap | None:
        shown = self._maps.get(str(split.queries["city"].iloc[row]))
        if shown is None:
            return None
        at = int(np.searchsorted(shown.rows, row))
        best = int(self._outcome.ranking.top_rows[row, 0])
        best_city = str(split.references["city"].iloc[best])
        x, y = shown.tile_at[best].tolist()
        inside = 0 <= x <= shown.width and 0 <= y <= shown.height
        place = (x, y) if inside else None
        here_x, here_y = shown.at[at].tolist()
        return PlaceOnMap(shown, here_x, here_y, place, best_city)


def _position(split: Split, row: int, reference: int) -> tuple[float, float] | None:
    """Return where a query lies in a tile, by the label in its true one and by coordinates in others."""
    if not split.has_coordinates:
        return None
    tile = split.references.iloc[reference]
    width, height = float(tile["width_px"]), float(tile["height_px"])
    if reference == split.truth[row]:
        x, y = split.position_px[row] / (width, height)
    elif split.has_scale:
        lat, lon = (split.queries[name].iloc[row] for name in ("lat", "lon"))
        east, south = (
            float(a - b)
            for a, b in zip(
                geo.mercator_px(lat, lon, ZOOM), geo.mercator_px(tile["lat"], tile["lon"], ZOOM), strict=True
            )
        )
        px = float(tile["m_per_px"] / geo.metres_per_px(tile["lat"], ZOOM))
        x, y = 0.5 + east / px / width, 0.5 + south / px / height
    else:
        return None
    return (float(x), float(y)) if 0 <= x <= 1 and 0 <= y <= 1 else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
