"""`cvgl-bench dataset plan`: what a tiling would cost, before any download."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cvgl_bench.data_tools.planning.tilings import Curve, Tiling

ZOOMS = (18, 19, 20)
TILE_SIZES_PX = (224, 320, 640)
OVERLAPS = (0.0, 0.25, 0.5)


@click.command("plan")
@click.option(
    "--areas",
    "--area",
    "areas",
    multiple=True,
    required=True,
    metavar="WEST,SOUTH,EAST,NORTH",
    help="Area in degrees. May be repeated.",
)
@click.option(
    "--zoom",
    "zooms",
    type=click.IntRange(0, 24),
    multiple=True,
    default=ZOOMS,
    show_default=True,
    help="Web-Mercator zoom. May be repeated.",
)
@click.option(
    "--tile-px",
    "tile_sizes_px",
    type=click.IntRange(16, 4096),
    multiple=True,
    default=TILE_SIZES_PX,
    show_default=True,
    help="Side of a tile. May be repeated.",
)
@click.option(
    "--overlap",
    "overlaps",
    type=click.FloatRange(0, 0.9),
    multiple=True,
    default=OVERLAPS,
    show_default=True,
    help="Share of a tile's side that its neighbour covers too. May be repeated.",
)
@click.option(
    "--tile-format",
    type=click.Choice(["jpg", "png"]),
    default="jpg",
    show_default=True,
    help="Format of the tiles.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="A run's folder or result file: its recall by decentrality gives the recall to expect.",
)
@click.option("--metric", default="recall@1", show_default=True, help="Metric of the run.")
@click.option("--figure", type=click.Path(path_type=Path), help="Draw the trade: .pdf, .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    areas: tuple[str, ...],
    zooms: tuple[int, ...],
    tile_sizes_px: tuple[int, ...],
    overlaps: tuple[float, ...],
    tile_format: str,
    run: Path | None,
    metric: str,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Compare tilings of an area: tiles, storage, requests, decentrality, and the recall to expect.

    Queries are taken as evenly spread over the area. A run's recall holds for imagery and queries like
    its own, and for a database of its size; a larger one is harder.

    \b
    Examples:
        cvgl-bench dataset plan --areas -0.15,51.48,-0.05,51.55
        cvgl-bench dataset plan --areas -0.15,51.48,-0.05,51.55 --zoom 19 --run runs/mine --figure plan.pdf
    """
    from cvgl_bench.data_tools.building.sheets import parse_area
    from cvgl_bench.data_tools.planning.figure import draw_plan
    from cvgl_bench.data_tools.planning.tilings import plan, read_curve

    curve = read_curve(run, metric) if run else None
    tilings = plan(
        [parse_area(text) for text in areas],
        zooms=zooms,
        tile_sizes_px=tile_sizes_px,
        overlaps=overlaps,
        suffix=f".{tile_format}",
        curve=curve,
    )
    if figure is not None:
        draw_plan(tilings, figure, curve=curve)
    if as_json:
        click.echo(
            json.dumps(
                {"run": curve.title if curve else None, "tilings": [dataclasses.asdict(t) for t in tilings]},
                indent=2,
            )
        )
        return
    click.echo(_table(tilings, curve))
    _print_notes(tilings, curve, figure)


def _table(tilings: Sequence[Tiling], curve: Curve | None) -> str:
    from tabulate import tabulate

    rows = []
    for tiling in tilings:
        row = [
            tiling.zoom,
            tiling.tile_px,
            f"{tiling.overlap:.0%}",
            f"{tiling.m_per_px:.3f}",
            f"{tiling.tile_m:.1f}",
        ]
        row += [f"{tiling.tiles:,}", _size(tiling.bytes), f"{tiling.requests:,}", f"{tiling.views:.1f}"]
        row += [f"{tiling.median:.2f}", f"{tiling.high:.2f}", f"{tiling.offset_m:.1f}"]
        if curve is not None:
            row.append("-" if tiling.recall is None else f"{tiling.recall:.1%}")
        rows.append(row)
    headers = ["zoom", "tile px", "overlap", "m/px", "tile m", "tiles", "storage", "requests", "views",
               "decentrality: median", "95 %", "offset m"]  # fmt: skip
    headers += [f"expected {curve.metric}"] if curve is not None else []
    return tabulate(rows, headers=headers, stralign="right", disable_numparse=True)


def _size(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:,.1f} MB"


def _print_notes(tilings: Sequence[Tiling], curve: Curve | None, figure: Path | None) -> None:
    click.echo("\nviews: tiles that show a place; offset: of half of the queries from their tile's centre.")
    if curve is not None:
        click.echo(f"The recall to expect is that of {curve.title} at the decentrality to come.")
        if any(tiling.recall is None for tiling in tilings):
            click.echo("-: the run has hardly measured queries of that decentrality.")
    if figure is not None:
        click.echo(f"Wrote {figure}")
