"""`cvgl-bench dataset stats`: what is in a split."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from cvgl_bench.cli.dataset_place import find_card, find_folder, place_options, split_cities


@click.command("stats")
@place_options
@click.option("--split", help="Split to describe.  [default: the card's first]")
@click.option(
    "--figure", type=click.Path(path_type=Path), help="Draw maps and decentrality: .pdf, .png or .svg."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    dataset: str,
    data_root: Path | None,
    cities: str | None,
    label_edition: str | None,
    split: str | None,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Describe the test cities of a split of DATASET: counts, tiles, area, decentrality, leakage.

    \b
    Examples:
        cvgl-bench dataset stats mini-dress
        cvgl-bench dataset stats vigor --data-root data/vigor --split cross --figure vigor.pdf
    """
    from cvgl_bench import layouts
    from cvgl_bench.inspection import city_statistics
    from cvgl_bench.inspection.figure import draw_figure

    card = find_card(dataset)
    root = find_folder(card, data_root)
    name = split or next(iter(card.splits))
    task = layouts.read_task(card, name, root, cities=split_cities(cities), label_edition=label_edition)
    found = city_statistics(task)
    if figure is not None:
        draw_figure(task, figure)
    edges = list(card.decentrality_edges)
    if as_json:
        report = {
            "dataset": card.name,
            "split": name,
            "label_edition": task.label_edition,
            "partial": task.partial,
            "notes": task.notes,
            "decentrality_edges": edges,
            "fingerprint": task.test.fingerprint,
            "cities": [dataclasses.asdict(city) for city in found],
        }
        click.echo(json.dumps(report, indent=2))
        return
    from cvgl_bench.cli.city_tables import count_table, decentrality_table, geometry_table

    edition = f", {task.label_edition} labels" if task.label_edition else ""
    click.echo(f"{card.title}, split {name}{edition}{' (partial)' if task.partial else ''}")
    for note in task.notes:
        click.echo(f"  note: {note}")
    for table in (count_table(found), geometry_table(found), decentrality_table(found, edges)):
        click.echo(f"\n{table}")
    if figure is not None:
        click.echo(f"\nWrote {figure}")
