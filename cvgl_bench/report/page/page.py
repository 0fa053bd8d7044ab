"""From reported runs to the text of one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.report.comparison import OVERALL, Comparison, compare
from cvgl_bench.report.leaderboard.estimates import print_estimate, scale_of
from cvgl_bench.report.page import figures, tables
from cvgl_bench.report.page.gallery import (
    CARDS_A_KIND,
    KIND_TITLES,
    Card,
    Cards,
    chosen,
    found_by_one,
    near_misses,
)
from cvgl_bench.report.page.maps import CLASS_COLOURS, CLASSES, CityMap, city_maps, classes_of, dots, map_svg
from cvgl_bench.report.page.pictures import PictureStock, most_bytes
from cvgl_bench.report.run_groups import ComparedRun, edges_of, title_of
from cvgl_bench.scoring.metrics import in_order

if TYPE_CHECKING:
    from cvgl_bench.report.page.inputs import ReportedRun
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Estimates

MOST_NAMES = 6000
"""Queries up to which the page holds all their names, for who points at a dot of a map."""

RECALLS = ("recall@1", "recall@5", "recall@10")

HEADLINES = {
    "recall@1": "found at the first place",
    "recall@5": "among the best five",
    "recall@10": "among the best ten",
    "median_distance_m": "median distance to the best reference",
}

ROOM_BYTES_A_RUN = 100_000
"""What the page writes around the pictures of a run's cards."""


@dataclass(frozen=True)
class Page:
    """The text of a page, and its figures as SVG files by name; maps by the numbers of run and city."""

    html: str
    figures: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class RunView:
    """What the page shows of one run alone."""

    reported: ReportedRun
    training: str | None
    dots: Sequence[Mapping[str, str]]
    counts: Mapping[str, int]
    gallery: Mapping[str, Sequence[Card]]
    near_misses: int
    alone: Sequence[Card]
    alone_count: int
    facts: Sequence[tuple[str, str]] = ()
    options: Sequence[tuple[str, str]] = ()


@dataclass(eq=False)
class _Making:
    """A page while it is made: its figures by name, as files hold them."""

    reported: Sequence[ReportedRun]
    groups: Mapping[str, Sequence[ComparedRun]]
    metrics: Mapping[str, Metric]
    seed: int
    figures: dict[str, str] = field(default_factory=dict)


def make_page(
    reported: Sequence[ReportedRun],
    groups: Mapping[str, Sequence[ComparedRun]],
    metrics: Mapping[str, Metric],
    *,
    seed: int = 0,
) -> Page:
    """Return the page of runs of one split.

    groups: the same runs by the name of their method, seeds together; several are compared as `compare`
    does. metrics: by id. seed: of the queries that are drawn at random.
    Raises UsageError where the runs were not tested on the same queries.
    """
    making = _Making(reported, groups, metrics, seed)
    facts = _numbers(making)
    split = next((each.split for each in reported if each.split is not None), None)
    # What comes without pictures is written first, to know the room that is left for them.
    without = PictureStock(0)
    bare = _rendered(making, facts, [] if split is None else city_maps(split, without), without)
    room = most_bytes(len(reported)) - len(bare.encode()) - ROOM_BYTES_A_RUN * len(reported)
    if room < 0:
        raise UsageError(
            f"A page of {len(reported)} runs of {len(reported[0].outcome):,} queries would take more than "
            f"{most_bytes(len(reported)):,} bytes. Give fewer runs."
        )
    pictures = PictureStock(room)
    maps = [] if split is None else city_maps(split, pictures)
    html = _rendered(making, facts, maps, pictures)
    return Page(html, making.figures)


def _numbers(making: _Making) -> dict[str, Any]:
    """Return what the page says of all queries: tables and figures."""
    outcomes = {name: [run.outcome for run in members] for name, members in making.groups.items()}
    first = making.reported[0]
    found = _comparison(making)
    estimates = _estimates(making, found)
    recalls = {
        name: {id: of_group[id] for id in RECALLS if id in of_group} for name, of_group in estimates.items()
    }
    making.figures["recall.svg"] = figures.recall_figure(outcomes, recalls)
    if not np.isnan(first.outcome.distance_m).all():
        making.figures["distance.svg"] = figures.distance_figure(outcomes)
    for number, each in enumerate(making.reported):
        training = figures.training_figure(each, id=f"training{number + 1}")
        if training is not None:
            making.figures[_training_name(number)] = training
    try:
        title = title_of(first.run)
        main = making.metrics[RECALLS[0]]
        making.figures["decentrality.svg"] = figures.decentrality_figure(outcomes, main, title=title)
    except UsageError as error:
        no_curve = str(error)
    else:
        no_curve = ""
    return {
        "title": f"{', '.join(making.groups)} on {title_of(first.run)}",
        "task": first.result.task,
        "headlines": _headlines(making, estimates),
        "summary": tables.summary(estimates, first.outcome, first.result, making.metrics),
        "cities": tables.strata(making.reported, "by_city", "city", making.metrics),
        "bins": tables.strata(making.reported, "by_decentrality", "decentrality", making.metrics),
        "borders": tables.strata(making.reported, "by_border", "metres to the border", making.metrics),
        "differences": None if found is None else tables.differences(found),
        "single_seeds": found is not None and any(d.claim == "weights" for d in found.differences),
        "no_curve": no_curve,
    }


def _training_name(number: int) -> str:
    return f"training-{number + 1}.svg"


def _comparison(making: _Making) -> Comparison | None:
    if len(making.groups) < 2:
        return None
    outcomes = {name: [run.outcome for run in members] for name, members in making.groups.items()}
    metrics = [making.metrics[id] for id in in_order(making.metrics)]
    return compare(outcomes, metrics, edges=edges_of(making.reported[0].run))


def _estimates(making: _Making, found: Comparison | None) -> dict[str, Estimates]:
    """Return every metric overall by group: as the comparison has them, or as the one run recorded them."""
    if found is None:
        return {making.reported[0].name: dict(making.reported[0].result.metrics.overall)}
    return {
        name: {id: by_stratum[OVERALL][name].estimate for id, by_stratum in found.standings.items()}
        for name in making.groups
    }


def _headlines(making: _Making, estimates: Mapping[str, Estimates]) -> list[tuple[str, str, str]]:
    """Return (what it says, value, interval) of the numbers that a single run is introduced with."""
    if len(estimates) > 1:
        return []
    (found,) = estimates.values()
    lines = []
    for id, text in HEADLINES.items():
        estimate = found.get(id)
        if estimate is not None and estimate.value is not None:
            unit = tables.unit_of(id, making.reported[0].result, making.metrics)
            _, shown = scale_of(estimate.value, unit)
            value, _, interval = print_estimate(estimate, unit).removesuffix(" km").partition(" ")
            lines.append((text, f"{value} {shown}".rstrip(), interval))
    return lines


def _rendered(
    making: _Making, facts: Mapping[str, Any], maps: Sequence[CityMap], pictures: PictureStock
) -> str:
    from cvgl_bench.report.page.template import render

    alone = found_by_one({each.name: each.outcome for each in making.reported})
    views = [_view(making, number, maps, pictures, alone) for number in range(len(making.reported))]
    return render(
        **facts,
        views=views,
        maps=maps,
        classes=CLASSES,
        colours=CLASS_COLOURS,
        kinds=KIND_TITLES,
        figures={name: figures.inline(text) for name, text in making.figures.items()},
        pictures=pictures,
        missing=next((each.missing for each in making.reported if each.missing), ""),
        dot_data=_dot_data(making.reported, maps),
        seed=making.seed,
    )


def _view(
    making: _Making,
    number: int,
    maps: Sequence[CityMap],
    pictures: PictureStock,
    alone: Mapping[str, Any],
) -> RunView:
    reported = making.reported[number]
    outcome = reported.outcome
    cards = Cards(reported, pictures, maps)
    classes = classes_of(outcome.ranking.rank)
    training = _training_name(number)
    paths = [dots(each, classes) for each in maps]
    for place, each in enumerate(maps):
        making.figures[f"map-{number + 1}-{place + 1}.svg"] = map_svg(each, paths[place])
    rows = chosen(outcome, seed=making.seed)
    only = alone[reported.name]
    return RunView(
        reported=reported,
        training=training if training in making.figures else None,
        dots=paths,
        counts={name: int((classes == name).sum()) for name in CLASSES},
        gallery={kind: [cards.card(int(row)) for row in rows[kind]] for kind in KIND_TITLES},
        near_misses=len(near_misses(outcome)),
        alone=[cards.card(int(r), note=_others(making, number, int(r))) for r in only[:CARDS_A_KIND]],
        alone_count=len(only),
        facts=tables.facts(reported),
        options=tables.options(reported.result),
    )


def _others(making: _Making, number: int, row: int) -> str:
    """Return at which place the other runs have the right reference."""
    others = [each for other, each in enumerate(making.reported) if other != number]
    return ", ".join(f"{each.name}: place {each.outcome.ranking.rank[row] + 1:,}" for each in others)


def _dot_data(reported: Sequence[ReportedRun], maps: Sequence[CityMap]) -> dict[str, Any]:
    """Return what pointing at a dot says: places by map, ranks and distances by run, names where few."""
    split = reported[0].split
    if split is None or not maps:
        return {}
    names = split.queries["name"].tolist() if len(split) <= MOST_NAMES else None
    return {
        "maps": [
            {"row": each.rows.tolist(), "x": _whole(each.at[:, 0]), "y": _whole(each.at[:, 1])}
            for each in maps
        ],
        "runs": [
            {
                "rank": (each.outcome.ranking.rank + 1).tolist(),
                "far": _whole(np.nan_to_num(each.outcome.distance_m, nan=-1)),
            }
            for each in reported
        ],
        "names": names,
    }


def _whole(values: Any) -> list[int]:
    return np.round(values).astype(int).tolist()
