"""From imagery and photos to a data set in the DReSS layout."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.data_tools.building import card, lists, photos, sheets, stale
from cvgl_bench.data_tools.building.card import RECORD
from cvgl_bench.data_tools.building.inputs import Inputs
from cvgl_bench.data_tools.building.labels import label
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.parts import Query, assign_parts
from cvgl_bench.data_tools.building.photo_files import left_out
from cvgl_bench.data_tools.building.photos import Fault
from cvgl_bench.data_tools.building.sheets import Sheet, SheetProvider
from cvgl_bench.data_tools.fetch.client import Client
from cvgl_bench.data_tools.fetch.download import FAILURES, download
from cvgl_bench.data_tools.fetch.threads import in_threads
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.locks import workplace
from cvgl_bench.foundation.progress import Progress
from cvgl_bench.foundation.whole_files import remove_unfinished, write_text
from cvgl_bench.views.images import Size, read_image

CARD = "card.yaml"
PARTIAL = ".build_partial"
"""Kept by the process that builds."""
SHOWN_FAULTS = 5
MOST_LATITUDE = 90
FREE_OPTIONS = ("skip_bad", "title", "licence")
"""May change when an interrupted build is continued: no file that was written depends on them."""

Bars = Callable[[int, str], AbstractContextManager[Progress]]


@dataclass
class Made:
    """A data set that was built, and what was left out of it.

    missing_tiles: places of the grid without imagery. outside: photos that no tile shows, or none in
    its central half. beside: other files of the folder of photos, by their kind. renewed: files of an
    earlier start that were made from other inputs. queries: by city, how many `train` and `test`, or are
    `whole` where the city is not split, and how many were `left_out` between training and test.
    remarks: what is odd about the imagery.
    """

    card: Path
    tiles: int = 0
    missing_tiles: int = 0
    outside: int = 0
    beside: dict[str, int] = field(default_factory=dict)
    renewed: int = 0
    queries: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def make(options: BuildOptions, root: Path, *, name: str, client: Client, bars: Bars) -> Made:
    """Build the data set `name` in the folder `root`; one that was interrupted is continued.

    bars: gives a progress bar for a total and a title. Raises DataError or UsageError naming file and
    reason for anything that cannot be used, unless `options.skip_bad` leaves it out.
    """
    _require_free(root, options, name)
    try:
        with workplace(root / PARTIAL):
            _require_free(root, options, name)
            return _make(options, root, name=name, client=client, bars=bars)
    except BlockingIOError:
        raise UsageError(f"Another process builds in {root}. Let it end, or choose another folder.") from None
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error.strerror or error}.") from None


def _make(options: BuildOptions, root: Path, *, name: str, client: Client, bars: Bars) -> Made:
    given = _read(options, client)
    if name in {sheet.city for sheet in given.pieces}:
        raise UsageError(f"The data set and one of its cities are both called '{name}'; give another --name.")
    write_text(root / RECORD, _record(options, name))
    made = Made(root / CARD, beside=given.beside)
    made.renewed += stale.clear_stale(
        root, "tiles", stale.tiles_made_from(given.pieces, f".{options.tile_format}")
    )
    there = _cut(root, given, options, bars, made)
    queries = _queries(given, there, options, made)
    with_queries = {query.city for query in queries}
    cities = [city for city in dict.fromkeys(s.city for s in given.pieces) if city in with_queries]
    queries = assign_parts(queries, cities, options=options)
    made.queries = {city: dict(Counter(q.part for q in queries if q.city == city)) for city in cities}
    used = [query for query in queries if query.part != "left_out"]
    made.renewed += stale.clear_stale(root, "photos", stale.photos_made_from(used, given.size))
    bad = _store(root, used, given.size, bars)
    _refuse_faults(bad, options)
    made.faults = given.faults + bad
    used = [query for query in used if query.photo.path not in {fault.path for fault in bad}]
    for city in cities:
        names = _tile_names(city, given.pieces, there, options)
        lists.write_lists(root, city, tiles=names, queries=[q for q in used if q.city == city])
        made.tiles += len(names)
    card.write_card(
        made.card, card.describe(name, cities, queries=used, given=given, tiles=made.tiles, options=options)
    )
    return made


def _read(options: BuildOptions, client: Client) -> Inputs:
    """Look at all photos and images; DataError for those that cannot be used, unless they are skipped."""
    found, faults = photos.read_photos(options)
    panorama = photos.choose_kind(found, options)
    size = None
    if panorama:
        unfit = {photo.path: fault for photo in found if (fault := photos.panorama_fault(photo))}
        faults += unfit.values()
        found = [photo for photo in found if photo.path not in unfit]
    pyramid = sheets.open_imagery(options, client)
    pieces, image_faults = sheets.read_sheets(options, found, pyramid=pyramid is not None)
    _refuse_faults(faults + image_faults, options)
    if panorama and found:
        size = photos.stored_size(found, options.panorama_width_px)
    folder = Path(options.photos)
    used = [photo.path.relative_to(folder) for photo in found]
    beside = left_out(folder, used=used, from_table=options.photo_table is not None)
    return Inputs(found, pieces, SheetProvider(client, pyramid), size, faults + image_faults, beside)


def _require_free(root: Path, options: BuildOptions, name: str) -> None:
    """Raise UsageError unless a folder is empty, or holds an earlier start of the same build."""
    path = root / RECORD
    if not path.is_file():
        if root.exists() and (not root.is_dir() or any(child.name != PARTIAL for child in root.iterdir())):
            raise UsageError(f"{root} is not empty; choose another folder.")
        return
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        recorded = {}
    asked = json.loads(_record(options, name))
    differ = [key for key in asked if asked[key] != recorded.get(key) and key not in FREE_OPTIONS]
    has_files = any(child.name not in (RECORD, stale.INPUTS, PARTIAL) for child in root.iterdir())
    if differ and has_files:
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


def _cut(root: Path, given: Inputs, options: BuildOptions, bars: Bars, made: Made) -> list[NDArray[np.bool_]]:
    """Write the tiles; return for each sheet (rows, columns) which of them exist."""
    suffix = f".{options.tile_format}"
    pieces, client = given.pieces, given.provider.client
    total = sum(sheet.rows * sheet.columns for sheet in pieces)
    jobs = ((given.provider, wanted) for sheet in pieces for wanted in sheet.wanted(suffix))
    with bars(total, "cut tiles") as bar:
        report = download(jobs, root, connections=client.options.connections, stop=client.stop, progress=bar)
    if report.failed > report.missing:
        raise DataError(
            f"{report.failed - report.missing} tiles could not be had, see {root / FAILURES}. The first: "
            f"{report.failures[0].reason}. Run the same command again to retry."
        )
    (root / FAILURES).unlink(missing_ok=True)
    client.stop.clear()
    made.remarks = given.provider.remarks()
    there = []
    for sheet in pieces:
        exists = [(root / wanted.path).is_file() for wanted in sheet.wanted(suffix)]
        there.append(np.array(exists, np.bool_).reshape(sheet.rows, sheet.columns))
    made.missing_tiles = total - sum(int(grid.sum()) for grid in there)
    if made.missing_tiles == total:
        raise DataError(
            f"There is imagery for none of the {total} tiles that are asked for, the first of which "
            f"would be centred on {_first_centre(pieces)}. Check --zoom, --areas and where the photos are."
        )
    return there


def _first_centre(pieces: Sequence[Sheet]) -> str:
    lat, lon = pieces[0].centre(0, 0)
    return f"latitude {lat:.5f}, longitude {lon:.5f}"


def _queries(
    given: Inputs, there: Sequence[NDArray[np.bool_]], options: BuildOptions, made: Made
) -> list[Query]:
    """Return the photos that a tile shows, with their labels."""
    found, pieces = given.photos, given.pieces
    queries = []
    for photo, its_label in zip(found, label(found, pieces, there=there, options=options), strict=True):
        if its_label is not None:
            city = pieces[its_label.positive.sheet].city
            name = lists.query_name(photo, city, panorama=given.panorama)
            queries.append(Query(photo, its_label, city, name))
    made.outside = len(found) - len(queries)
    if queries:
        return queries
    turned = [dataclasses.replace(p, lat=p.lon, lon=p.lat) for p in found if abs(p.lon) <= MOST_LATITUDE]
    swapped = any(label(turned, pieces, there=there, options=options))
    hint = " With latitude and longitude swapped they would." if swapped else ""
    raise DataError(f"None of the {len(found)} photos lies in a tile of the imagery.{hint}")


def _store(root: Path, queries: Sequence[Query], size: Size | None, bars: Bars) -> list[Fault]:
    """Write the photos that are not there yet; return those that cannot be decoded."""
    for city in {query.city for query in queries}:
        folder = root / city / "panorama"
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)

    def write(query: Query) -> Fault | None:
        target = root / query.path
        if target.exists():
            return None
        try:
            pixels = read_image(query.photo.path)
        except DataError as error:
            return Fault(query.photo.path, f"cannot be decoded ({error})")
        photos.store(query.photo, target, pixels=pixels, size=size)
        return None

    faults = []
    with bars(len(queries), "store photos") as bar:
        for fault in in_threads(write, queries, threads=os.cpu_count() or 1):
            bar.advance()
            faults += [fault] if fault else []
    return faults


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
