"""`cvgl-bench dataset info`: a data set's card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset

LABEL_WIDTH = 18
LINE_WIDTH = 100


@click.command("info")
@click.argument("dataset")
@click.option("--json", "as_json", is_flag=True, help="Print the card as JSON.")
def command(dataset: str, as_json: bool) -> None:
    """Show the card of DATASET: cities, splits, tiles, licence, and how to get it.

    \b
    Examples:
        cvgl-bench dataset info vigor
        cvgl-bench dataset info path/to/card.yaml
    """
    from cvgl_bench.data import cards
    from cvgl_bench.data.layouts import layout_of
    from cvgl_bench.plugins import load_plugins

    plugins = load_plugins()
    card = cards.find_dataset(dataset, plugins.datasets)
    coordinates = layout_of(card, plugins.layouts).coordinates
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(card), indent=2))
        return
    for label, text in _lines(card, coordinates=coordinates):
        start = f"{label:<{LABEL_WIDTH}}"
        click.echo(click.wrap_text(text, LINE_WIDTH, start, " " * LABEL_WIDTH))


def _lines(card: Dataset, *, coordinates: bool) -> Iterator[tuple[str, str]]:
    yield "data set", f"{card.name}: {card.title}"
    yield "layout", card.layout + ("" if coordinates else "; places have no coordinates")
    yield "cities", ", ".join(card.cities)
    for name, parts in card.splits.items():
        if parts["train"] == parts["test"]:
            yield f"split {name}", "same-area: every city trains and tests"
        else:
            trained, tested = (", ".join(parts[part]) for part in ("train", "test"))
            yield f"split {name}", f"trains on {trained}; tests on {tested}"
    yield "tiles", _tiles(card)
    if card.panorama.get("size_px"):
        height, width = card.panorama["size_px"]
        angles = f"{card.panorama['horizontal_deg']:g} x {card.panorama['vertical_deg']:g} degrees"
        yield "panoramas", f"{width} x {height} px, {angles}"
    yield "labels", ", ".join(card.label_editions) or "one edition"
    for key, count in card.counts.items():
        yield f"counts: {key}", _count(count)
    for label, text in (("licence", card.licence), ("cite", card.citation), ("homepage", card.homepage)):
        if text:
            yield label, text
    if card.folder:
        yield "folder", card.folder
    yield "get it", card.access


def _tiles(card: Dataset) -> str:
    height, width = card.tile["size_px"]
    if "zoom" in card.tile:
        return f"{width} x {height} px, Web-Mercator zoom {card.tile['zoom']:g}"
    if "m_per_px" not in card.tile:
        return f"{width} x {height} px, metres per pixel unknown"
    return f"{width} x {height} px, metres per pixel: {_scale(card.tile['m_per_px'])}"


def _scale(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name} ({_scale(inner)})" if isinstance(inner, Mapping) else f"{name} {inner:g}"
            for name, inner in value.items()
        )
    return f"{value:g}"


def _count(value: Any) -> str:
    if isinstance(value, Mapping):
        total = f"{sum(value.values()):,}"
        return f"{total} ({', '.join(f'{name} {count:,}' for name, count in value.items())})"
    return f"{value:,}"
