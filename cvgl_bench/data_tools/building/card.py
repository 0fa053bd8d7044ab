"""The card of a data set that was built."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cvgl_bench.data_tools.building.inputs import Inputs
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.building.parts import Query
from cvgl_bench.data_tools.building.photos import FULL_SPHERE_DEG, panorama_vertical_deg, vertical_deg
from cvgl_bench.data_tools.building.sheets import Sheet
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.views.images import Size

EDITION = "built"
RECORD = "build.json"
"""The file with the options of the build."""


def write_card(path: Path, values: Mapping[str, Any]) -> None:
    """Write a card as YAML."""
    # Through JSON, since YAML would write a list that occurs twice as an alias.
    plain = json.loads(json.dumps(values))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    write_text(path, text)


def describe(
    name: str,
    cities: Sequence[str],
    *,
    queries: Sequence[Query],
    given: Inputs,
    tiles: int,
    options: BuildOptions,
) -> dict[str, Any]:
    """Return the fields of a card; `tiles` is how many the lists name."""
    splits: dict[str, Any] = {}
    if all(query.part != "whole" for query in queries):
        splits["same"] = {"train": cities, "test": cities}
    if options.test_cities:
        splits["cross"] = {
            "train": [city for city in cities if city not in options.test_cities],
            "test": [city for city in cities if city in options.test_cities],
        }
    return {
        "name": name,
        "title": options.title or name,
        "layout": "dress",
        "cities": cities,
        "splits": splits,
        "tile": _tile_facts(cities, given.pieces),
        "panorama": _photo_facts(queries, options, given.size),
        "label_editions": [EDITION],
        "counts": {"tiles": tiles, "queries": len(queries)},
        "licence": options.licence,
        "folder": ".",
        "access": f"Built by `cvgl-bench dataset build`; {RECORD} beside this card says from what.",
    }


def _tile_facts(cities: Sequence[str], pieces: Sequence[Sheet]) -> dict[str, Any]:
    facts: dict[str, Any] = {"size_px": list(pieces[0].tile_size)}
    zoom = pieces[0].scale.zoom
    if zoom is not None:
        return {**facts, "zoom": int(zoom) if zoom == int(zoom) else zoom}
    scales = {city: next(s.scale.m_per_px for s in pieces if s.city == city) for city in cities}
    one = set(scales.values())
    return {**facts, "m_per_px": one.pop() if len(one) == 1 else scales}


def _photo_facts(
    queries: Sequence[Query], options: BuildOptions, panorama_size: Size | None
) -> dict[str, Any]:
    if panorama_size is not None:
        vertical = panorama_vertical_deg(queries[0].photo.size_px)
        facts = {} if vertical == FULL_SPHERE_DEG else {"vertical_deg": vertical}
        return {"size_px": list(panorama_size), **facts}
    size, times = Counter(query.photo.size_px for query in queries).most_common(1)[0]
    across = options.field_of_view_deg or 0.0
    facts = {"horizontal_deg": across, "vertical_deg": round(vertical_deg(across, size), 3)}
    return {"size_px": list(size), **facts} if times == len(queries) else facts
