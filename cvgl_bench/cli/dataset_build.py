"""`cvgl-bench dataset build`: a data set of one's own from imagery and photos."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.cli.flags import flags, gathered
from cvgl_bench.data_tools.building.options import BuildOptions
from cvgl_bench.data_tools.fetch.client import ClientOptions

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Task
    from cvgl_bench.data_tools.building.making import Made

SHOWN = 10
FIGURE = "map.png"


@click.command("build")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the data set.  [default: OUT's]")
@click.option("--allow-private", is_flag=True, help="Allow servers that are not on the public Internet.")
@click.option("--accept-terms", is_flag=True, help="Accept the terms of imagery that is fetched.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the report, as JSON.")
@flags(BuildOptions)
@flags(ClientOptions)
def command(out: Path, **given: Any) -> None:
    """Build a data set in the folder OUT: tiles, photos, labels, splits and a card.

    Tiles are cut out of the imagery, each photo gets the tile that shows its place, and the queries of
    a city are split by blocks with a strip between training and test. An interrupted build is continued
    by the same command.

    \b
    Examples:
        cvgl-bench dataset build data/mine --imagery tiles --zoom 20 --tile-px 320 --overlap 0.5 \\
            --photos panoramas
        cvgl-bench dataset build data/ours --imagery places.csv --columns image=ortho --m-per-px 0.4 \\
            --photos photos --photo-table places.csv --field-of-view-deg 70
    """
    from cvgl_bench.data_tools.building.making import make
    from cvgl_bench.data_tools.fetch.client import Client
    from cvgl_bench.foundation.progress import progress

    options = gathered(BuildOptions, given)
    name = given["name"] or re.sub(r"[^A-Za-z0-9._-]+", "-", out.resolve().name)
    _require_terms(options, accepted=given["accept_terms"])
    with Client(gathered(ClientOptions, given), allow_private=given["allow_private"]) as client:
        made = make(options, out, name=name, client=client, bars=progress)
    task = _read_back(made, out)
    if given["as_json"]:
        click.echo(json.dumps(_summary(made), indent=2))
        return
    _print(made, task)
    click.echo(f"next: cvgl-bench dataset verify {shlex.quote(str(made.card))}")


def _require_terms(options: BuildOptions, *, accepted: bool) -> None:
    from cvgl_bench.data_tools.fetch.overhead import XyzProvider
    from cvgl_bench.foundation.errors import UsageError

    if "://" in options.imagery and not accepted:
        click.echo(f"Terms of the imagery: {XyzProvider.terms}", err=True)
        raise UsageError("Nothing was fetched. Read the terms above, then add --accept-terms.")


def _read_back(made: Made, out: Path) -> Task:
    """Read what was built as everybody else will, and draw it; return the first split."""
    from cvgl_bench.data import layouts
    from cvgl_bench.data.cards import read_card
    from cvgl_bench.data_tools.inspection.figure import draw_figure
    from cvgl_bench.plugins import load_plugins

    card, known = read_card(made.card), load_plugins().layouts
    tasks = [layouts.read_task(card, split, out, layouts=known) for split in card.splits]
    draw_figure(tasks[0], out / FIGURE)
    return tasks[0]


def _summary(made: Made) -> dict[str, Any]:
    faults = [{"path": str(fault.path), "reason": fault.reason} for fault in made.faults]
    return {**vars(made), "card": str(made.card), "faults": faults}


def _print(made: Made, task: Task) -> None:
    from cvgl_bench.cli.city_tables import count_table, decentrality_table, geometry_table
    from cvgl_bench.data_tools.inspection import city_statistics

    found, edges = city_statistics(task), task.dataset.decentrality_edges
    for table in (count_table(found), geometry_table(found), decentrality_table(found, edges)):
        click.echo(f"{table}\n")
    if made.missing_tiles:
        click.echo(f"{made.missing_tiles:,} tiles left out: no imagery")
    if made.renewed:
        click.echo(f"{made.renewed:,} files of an earlier start made again: their inputs have changed")
    for kind, count in made.beside.items():
        click.echo(f"{count:,} files beside the photos left out: {kind}")
    for city, parts in made.queries.items():
        if parts.get("left_out"):
            click.echo(f"{parts['left_out']:,} photos of {city} left out: between training and test")
    if made.outside:
        click.echo(f"{made.outside:,} photos left out: no tile shows their place")
    for fault in made.faults[:SHOWN]:
        click.echo(f"left out: {fault.path} {fault.reason}")
    if len(made.faults) > SHOWN:
        click.echo(f"and {len(made.faults) - SHOWN:,} more")
    for remark in made.remarks:
        click.echo(remark)
    click.echo(f"wrote {made.card} and {made.card.with_name(FIGURE)}")
