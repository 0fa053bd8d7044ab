"""`cvgl-bench dataset verify`: is this copy of a data set right?"""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset

if TYPE_CHECKING:
    from cvgl_bench.data_tools.inspection import Verification

SHOWN = 10
TITLES = {
    "label": "lists and labels",
    "geometry": "labels against the coordinates in the names",
    "outside": "queries outside their tile",
    "count": "counts against the card",
    "missing": "missing files",
    "image": "images that cannot be used",
    "size": "images of another size",
    "copy": "images of the same content",
    "leak": "training queries that test",
}


@click.command("verify")
@choose_dataset
@click.option("--decode", is_flag=True, help="Decode every image; continues where an earlier check stopped.")
@click.option("--no-images", is_flag=True, help="Check lists and labels only.")
@click.option("--all", "show_all", is_flag=True, help=f"List every problem, not the first {SHOWN} of a kind.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(choice: DatasetChoice, decode: bool, no_images: bool, show_all: bool, as_json: bool) -> None:
    """Check a copy of DATASET; exit code 1 if anything is wrong.

    Lists and labels are checked line by line and against the coordinates in the file names. Of each image,
    the header and the end of the file are read, and all of it with --decode.

    \b
    Examples:
        cvgl-bench dataset verify vigor --data-root data/vigor
        cvgl-bench dataset verify vigor --data-root data/vigor --decode
    """
    from cvgl_bench.data_tools.inspection import verify
    from cvgl_bench.data_tools.inspection.decoding import Decoded, record_of
    from cvgl_bench.foundation.cache import cache_folder
    from cvgl_bench.foundation.progress import progress

    remembered = Decoded(record_of(choice.root, cache_folder())) if decode else nullcontext()
    with remembered as decoded, progress(None, f"verify {choice.card.name}") as bar:
        found = verify(
            choice.card,
            choice.root,
            layouts=choice.plugins.layouts,
            cities=choice.cities,
            label_edition=choice.label_edition,
            images=not no_images,
            decoded=decoded,
            bar=bar,
        )
    if as_json:
        click.echo(json.dumps({"passed": found.passed, **dataclasses.asdict(found)}, indent=2))
    else:
        _print(found, shown=None if show_all else SHOWN)
    if not found.passed:
        raise SystemExit(1)


def _print(found: Verification, *, shown: int | None) -> None:
    click.echo(f"{found.dataset} in {found.root}")
    if found.label_edition:
        anchor = f"; a tile's coordinate is its {found.tile_coordinate}" if found.tile_coordinate else ""
        click.echo(f"  label edition: {found.label_edition}{anchor}")
    if found.m_per_px:
        scales = [f"{city} {real:.4f} ({card:g})" for city, (real, card) in found.m_per_px.items()]
        click.echo(f"  metres per label pixel, measured (and by the card): {', '.join(scales)}")
    click.echo("  checked: " + ", ".join(f"{count:,} {what}" for what, count in found.checked.items()))
    for note in found.notes:
        click.echo(f"  note: {note}")
    if found.cities and found.cities[0].tile_side_m is not None:
        from cvgl_bench.cli.city_tables import geometry_table

        click.echo()
        click.echo(geometry_table(found.cities))
    kinds = defaultdict(list)
    for problem in found.problems:
        kinds[problem.kind].append(problem)
    for kind, problems in kinds.items():
        click.echo(f"\n{TITLES[kind]} ({len(problems):,}):")
        for problem in problems[:shown]:
            click.echo(f"  {problem}")
        if shown is not None and len(problems) > shown:
            click.echo(f"  and {len(problems) - shown:,} more; --all lists them")
    click.echo()
    if found.passed:
        click.echo("No problems.")
    else:
        many = "problem" if len(found.problems) == 1 else "problems"
        click.echo(f"{len(found.problems):,} {many}: this copy gives results that cannot be compared.")
