"""The card of a data set that was built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvgl_bench.building.lists import Query
from cvgl_bench.building.options import BuildOptions
from cvgl_bench.building.photos import vertical_deg
from cvgl_bench.building.sheets import Sheet

def _cities(pieces: Sequence[Sheet], queries: Sequence[Query]) -> list[str]:
    """Return the cities with queries, in the order of the imagery."""
    used = {query.city for query in queries}
    return [city for city in dict.fromkeys(sheet.city for sheet in pieces) if city in used]


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
