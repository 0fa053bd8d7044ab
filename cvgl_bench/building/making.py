"""From imagery and photos to a data set in the DReSS layout."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.building import lists, photos, sheets
from cvgl_bench.building.blocks import split_blocks
from cvgl_bench.building.labels import label
from cvgl_bench.building.lists import Query
from cvgl_bench.building.options import BuildOptions
from cvgl_bench.building.photos import Fault, Photo
from cvgl_bench.building.sheets import Sheet, SheetProvider
from cvgl_bench.errors import DataError, UsageError
from cvgl_bench.fetch.client import Client
from cvgl_bench.fetch.download import FAILURES, download
from cvgl_bench.fetch.threads import in_threads
from cvgl_bench.progress import Progress
from cvgl_bench.results import write_text

CARD = "card.yaml"
RECORD = "build.json"
PARTIAL = ".build_partial"
SHOWN_FAULTS = 5
FREE_OPTIONS = ("skip_bad", "title", "licence")
"""May change when an interrupted build is continued: no file that was written depends on them."""

Bars = Callable[[int, str], AbstractContextManager[Progress]]


@dataclass
class Made:
    """A data set that was built, and what was left out of it.

    missing_tiles: places of the grid without imagery. outside: photos that no tile shows, or none in
    its central half. queries: by city, how many train, test, and are in neither for the same-area split.
    """

    card: Path
    splits: tuple[str, ...]
    tiles: int = 0
    missing_tiles: int = 0
    outside: int = 0
    queries: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def make(options: BuildOptions, root: Path, *, name: str, client: Client, bars: Bars) -> Made:
    """Build the data set `name` in the folder `root`; one that was interrupted is continued.

    bars: gives a progress bar for a total and a title. Raises DataError or UsageError naming file and
    reason for anything that cannot be used, unless `options.skip_bad` leaves it out.
    """
    _require_free(root, options, name)
    found, faults = photos.read_photos(options)
    panorama = photos.choose_kind(found, options)
    if panorama:
        faults += [fault for photo in found if (fault := photos.heading_fault(photo))]
        found = [photo for photo in found if photo.heading_deg is not None]
    pyramid = sheets.open_imagery(options, client)
    pieces, image_faults = sheets.read_sheets(options, found, pyramid=pyramid is not None)
    if name in {sheet.city for sheet in pieces}:
        raise UsageError(f"The data set and one of its cities are both called '{name}'; give another --name.")
    faults += image_faults
    _refuse_faults(faults, options)
    made = Made(root / CARD, ())
    root.mkdir(parents=True, exist_ok=True)
    write_text(root / RECORD, _record(options, name), replace=True)
    there = _cut(root, pieces, SheetProvider(client, pyramid), options, bars, made)
    queries = _queries(found, pieces, there, options, panorama, made)
    bad = _store(root, queries, options, panorama, bars)
    _refuse_faults(bad, options)
    made.faults = faults + bad
    queries = [query for query in queries if not any(query.photo.path == fault.path for fault in bad)]
    made.splits = _write_lists(root, queries, pieces, there, options, made)
    _write_card(made, name, queries, pieces, options, panorama)
    return made


def _require_free(root: Path, options: BuildOptions, name: str) -> None:
    """Raise UsageError unless a folder is empty, or holds an earlier start of the same build."""
    path = root / RECORD
    if not path.is_file():
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError(f"{root} is not empty; choose another folder.")
        return
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        recorded = {}
    asked = json.loads(_record(options, name))
    differ = [key for key in asked if asked[key] != recorded.get(key) and key not in FREE_OPTIONS]
    if differ:
        raise UsageError(
            f"{root} holds a data set that was built with other options ({', '.join(differ)}); choose "
            "another folder, or remove it."
        )


def _record(options: BuildOptions, name: str) -> str:
    return json.dumps({"name": name, **dataclasses.asdict(options)}, indent=2) + "\n"


def _refuse_faults(faults: Sequence[Fault], options: BuildOptions) -> None:
    if not faults or options.skip_bad:
        return
    shown = "; ".join(f"{fault.path} {fault.reason}" for fault in faults[:SHOWN_FAULTS])
    more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
    raise DataError(f"{len(faults)} files cannot be used: {shown}{more}. Correct them, or add --skip-bad.")


def _cut(
    root: Path,
    pieces: Sequence[Sheet],
    provider: SheetProvider,
    options: BuildOptions,
    bars: Bars,
    made: Made,
) -> list[NDArray[np.bool_]]:
    """Write the tiles; return for each sheet (rows, columns) which of them exist."""
    suffix = f".{options.tile_format}"
    total = sum(sheet.rows * sheet.columns for sheet in pieces)
    client = provider.client
    jobs = ((provider, wanted) for sheet in pieces for wanted in sheet.wanted(suffix))
    with bars(total, "cut tiles") as bar:
        report = download(jobs, root, connections=client.manners.connections, stop=client.stop, progress=bar)
    if report.failed > report.missing:
        raise DataError(
            f"{report.failed - report.missing} tiles could not be had, see {root / FAILURES}. The first: "
            f"{report.failures[0].reason}. Run the same command again to retry."
        )
    (root / FAILURES).unlink(missing_ok=True)
    client.stop.clear()
    there = []
    for sheet in pieces:
        exists = [(root / wanted.path).is_file() for wanted in sheet.wanted(suffix)]
        there.append(np.array(exists, np.bool_).reshape(sheet.rows, sheet.columns))
    made.tiles = sum(int(grid.sum()) for grid in there)
    made.missing_tiles = total - made.tiles
    return there


def _queries(
    found: Sequence[Photo],
    pieces: Sequence[Sheet],
    there: Sequence[NDArray[np.bool_]],
    options: BuildOptions,
    panorama: bool,
    made: Made,
) -> list[Query]:
    """Return the photos that a tile shows, with their labels."""
    queries = []
    for photo, found_label in zip(found, label(found, pieces, there, options), strict=True):
        if found_label is not None:
            city = pieces[found_label.positive.sheet].city
            name = lists.query_name(photo, city, panorama=panorama)
            queries.append(Query(photo, found_label, city, name))
    made.outside = len(found) - len(queries)
    if queries:
        return queries
    swapped = [
        dataclasses.replace(photo, lat=photo.lon, lon=photo.lat) for photo in found if abs(photo.lon) <= 90
    ]
    hint = (
        " With latitude and longitude swapped they would."
        if any(label(swapped, pieces, there, options))
        else ""
    )
    raise DataError(f"None of the {len(found)} photos lies in a tile of the imagery.{hint}")


def _store(
    root: Path, queries: Sequence[Query], options: BuildOptions, panorama: bool, bars: Bars
) -> list[Fault]:
    """Write the photos that are not there yet; return those that cannot be decoded."""
    partial, number = root / PARTIAL, count()
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for city in {query.city for query in queries}:
        (root / city / "panorama").mkdir(parents=True, exist_ok=True)

    def write(query: Query) -> Fault | None:
        target = root / query.path
        if target.exists():
            return None
        try:
            photos.store(
                query.photo,
                target,
                partial / str(next(number)),
                panorama=panorama,
                width_px=options.panorama_width_px,
            )
        except DataError as error:
            return Fault(query.photo.path, f"cannot be decoded ({error})")
        return None

    faults = []
    with bars(len(queries), "store photos") as bar:
        for fault in in_threads(write, queries, os.cpu_count() or 1):
            bar.advance()
            faults += [fault] if fault else []
    shutil.rmtree(partial)
    return faults


def _write_lists(
    root: Path,
    queries: Sequence[Query],
    pieces: Sequence[Sheet],
    there: Sequence[NDArray[np.bool_]],
    options: BuildOptions,
    made: Made,
) -> tuple[str, ...]:
    """Write the lists of every city; return the splits that the data set has."""
    generator = np.random.default_rng(options.seed)
    cities = _cities(pieces, queries)
    same_area = True
    for city in cities:
        names = _tile_names(city, pieces, there, options)
        own = [query for query in queries if query.city == city]
        lines = [lists.label_line(query, names) for query in own]
        parts = {"pano_label_balanced": lines}
        try:
            train, test = _split(own, city, options, generator)
        except DataError:
            # A city that is too small for both parts can still be one side of a cross-area split.
            if not options.test_cities:
                raise
            same_area = False
            made.queries[city] = {"train": 0, "test": 0, "left_out": len(own)}
        else:
            for part, mask in (("train", train), ("test", test)):
                parts[f"same_area_balanced_{part}"] = [
                    line for line, used in zip(lines, mask, strict=True) if used
                ]
            sizes = {"train": int(train.sum()), "test": int(test.sum())}
            made.queries[city] = {**sizes, "left_out": len(own) - sum(sizes.values())}
        lists.write_lists(root, city, list(names.values()), parts)
    return (("same",) if same_area else ()) + (("cross",) if options.test_cities else ())


def _cities(pieces: Sequence[Sheet], queries: Sequence[Query]) -> list[str]:
    """Return the cities with queries, in the order of the imagery."""
    used = {query.city for query in queries}
    return [city for city in dict.fromkeys(sheet.city for sheet in pieces) if city in used]


def _tile_names(
    city: str, pieces: Sequence[Sheet], there: Sequence[NDArray[np.bool_]], options: BuildOptions
) -> dict[tuple[int, int, int], str]:
    """Return the file name of a city's tiles by sheet, row and column."""
    names = {
        (number, wanted.row, wanted.column): wanted.name
        for number, sheet in enumerate(pieces)
        if sheet.city == city
        for wanted in sheet.wanted(f".{options.tile_format}")
        if there[number][wanted.row, wanted.column]
    }
    name, times = Counter(names.values()).most_common(1)[0]
    if times > 1:
        raise DataError(f"{times} tiles of {city} have the same centre, in {name}; remove repeated images.")
    return names


def _split(
    own: Sequence[Query], city: str, options: BuildOptions, generator: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    tiles = [
        (query.label.positive.sheet, query.label.positive.row, query.label.positive.column) for query in own
    ]
    _, tile = np.unique(np.array(tiles), axis=0, return_inverse=True)
    return split_blocks(
        np.array([query.photo.lat for query in own]),
        np.array([query.photo.lon for query in own]),
        tile.reshape(-1),
        block_m=options.block_m,
        buffer_m=options.buffer_m,
        test_fraction=options.test_fraction,
        generator=generator,
        city=city,
    )


def _write_card(
    made: Made,
    name: str,
    queries: Sequence[Query],
    pieces: Sequence[Sheet],
    options: BuildOptions,
    panorama: bool,
) -> None:
    cities = _cities(pieces, queries)
    strange = set(options.test_cities) - set(cities)
    if strange or set(options.test_cities) == set(cities):
        raise UsageError(
            f"--test-cities {','.join(options.test_cities)}: give some, but not all, of the cities with "
            f"queries, which are {', '.join(cities)}."
        )
    splits = {"same": {"train": cities, "test": cities}}
    splits["cross"] = {
        "train": [city for city in cities if city not in options.test_cities],
        "test": [city for city in cities if city in options.test_cities],
    }
    lists.write_card(
        made.card,
        {
            "name": name,
            "title": options.title or name,
            "layout": "dress",
            "cities": cities,
            "splits": {split: splits[split] for split in made.splits},
            "tile": _tile_facts(cities, pieces),
            "panorama": _photo_facts(queries, options, panorama),
            "label_editions": [lists.EDITION],
            "counts": {"tiles": made.tiles, "queries": len(queries)},
            "licence": options.licence,
            "access": f"Built by `cvgl-bench dataset build`; {RECORD} beside this card says from what.",
        },
    )


def _tile_facts(cities: Sequence[str], pieces: Sequence[Sheet]) -> dict[str, Any]:
    facts: dict[str, Any] = {"size_px": lists.plain_size(pieces[0].tile_size)}
    zoom = pieces[0].scale.zoom
    if zoom is not None:
        return {**facts, "zoom": int(zoom) if zoom == int(zoom) else zoom}
    scales = {city: next(s.scale.m_per_px for s in pieces if s.city == city) for city in cities}
    one = set(scales.values())
    return {**facts, "m_per_px": one.pop() if len(one) == 1 else scales}


def _photo_facts(queries: Sequence[Query], options: BuildOptions, panorama: bool) -> dict[str, Any]:
    if panorama:
        return {"size_px": [options.panorama_width_px // 2, options.panorama_width_px]}
    sizes = Counter(query.photo.size_px for query in queries)
    size, times = sizes.most_common(1)[0]
    across = options.field_of_view_deg or 0.0
    facts = {"horizontal_deg": across, "vertical_deg": round(photos.vertical_deg(across, size), 3)}
    return {"size_px": lists.plain_size(size), **facts} if times == len(queries) else facts
