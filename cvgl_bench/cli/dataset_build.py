"""`cvgl-bench dataset build`: a data set of one's own from imagery and photos."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.building.options import BuildOptions
from cvgl_bench.cli.flags import flags, gathered
from cvgl_bench.fetch.client import Manners

if TYPE_CHECKING:
    from cvgl_bench.building.making import Made

SHOWN = 10


@click.command("build")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the data set.  [default: OUT's]")
@click.option("--allow-private", is_flag=True, help="Allow servers that are not on the public Internet.")
@click.option("--accept-terms", is_flag=True, help="Accept the terms of imagery that is fetched.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the report, as JSON.")
@flags(BuildOptions)
@flags(Manners)
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
    from cvgl_bench.building.making import make
    from cvgl_bench.fetch.client import Client
    from cvgl_bench.progress import progress

    options = gathered(BuildOptions, given)
    name = given["name"] or re.sub(r"[^A-Za-z0-9._-]+", "-", out.resolve().name)
    _require_terms(options, accepted=given["accept_terms"])
    with Client(gathered(Manners, given), allow_private=given["allow_private"]) as client:
        made = make(options, out, name=name, client=client, bars=progress)
    _check(made, out)
    click.echo(json.dumps(_summary(made), indent=2)) if given["as_json"] else _print(made, out)


def _require_terms(options: BuildOptions, *, accepted: bool) -> None:
    from cvgl_bench.errors import UsageError
    from cvgl_bench.fetch.overhead import XyzProvider

    if "://" in options.imagery and not accepted:
        click.echo(f"Terms of the imagery: {XyzProvider.terms}", err=True)
        raise UsageError("Nothing was fetched. Read the terms above, then add --accept-terms.")


def _check(made: Made, out: Path) -> None:
    """Read what was built as everybody else will."""
    from cvgl_bench import layouts
    from cvgl_bench.cards import read_card

    card = read_card(made.card)
    for split in card.splits:
        layouts.read_task(card, split, out)


def _summary(made: Made) -> dict[str, Any]:
    faults = [{"path": str(fault.path), "reason": fault.reason} for fault in made.faults]
    return {**vars(made), "card": str(made.card), "faults": faults}


def _print(made: Made, out: Path) -> None:
    missing = f" ({made.missing_tiles:,} places without imagery)" if made.missing_tiles else ""
    click.echo(f"{made.tiles:,} tiles{missing}")
    for city, parts in made.queries.items():
        click.echo(
            f"{city}: {parts['train']:,} training and {parts['test']:,} test queries, "
            f"{parts['left_out']:,} between them left out"
        )
    if made.outside:
        click.echo(f"{made.outside:,} photos left out: no tile shows their place")
    for fault in made.faults[:SHOWN]:
        click.echo(f"left out: {fault.path} {fault.reason}")
    if len(made.faults) > SHOWN:
        click.echo(f"and {len(made.faults) - SHOWN:,} more")
    click.echo(f"card: {made.card}")
    click.echo(f"next: cvgl-bench dataset verify {made.card} --data-root {out}")
