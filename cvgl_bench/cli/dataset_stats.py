"""`cvgl-bench dataset stats`: what is in a split."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Task
    from cvgl_bench.data_tools.inspection import CityStatistics


@click.command("stats")
@choose_dataset
@click.option("--split", help="Split to describe.  [default: the card's first]")
@click.option(
    "--figure", type=click.Path(path_type=Path), help="Draw maps and decentrality: .pdf, .png or .svg."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(choice: DatasetChoice, split: str | None, figure: Path | None, as_json: bool) -> None:
    """Describe the cities of a split of DATASET: counts, tiles, area, decentrality, leakage.

    Of a city that tests its test queries are described, of one that only trains its training queries.

    \b
    Examples:
        cvgl-bench dataset stats mini-dress
        cvgl-bench dataset stats vigor --data-root data/vigor --split cross --figure vigor.pdf
    """
    from cvgl_bench.data_tools.inspection import city_statistics
    from cvgl_bench.data_tools.inspection.figure import draw_figure

    task = choice.read_task(split)
    found = city_statistics(task)
    if figure is not None:
        draw_figure(task, figure)
    if as_json:
        click.echo(json.dumps(_report(task, found), indent=2))
    else:
        _print(task, found, figure)


def _report(task: Task, found: list[CityStatistics]) -> dict[str, Any]:
    return {
        "dataset": task.dataset.name,
        "split": task.split,
        "label_edition": task.label_edition,
        "partial": task.partial,
        "notes": task.notes,
        "decentrality_edges": task.dataset.decentrality_edges,
        "fingerprint": task.test.fingerprint,
        "cities": [dataclasses.asdict(city) for city in found],
    }


def _print(task: Task, found: list[CityStatistics], figure: Path | None) -> None:
    from cvgl_bench.cli.city_tables import count_table, decentrality_table, geometry_table

    edition = f", {task.label_edition} labels" if task.label_edition else ""
    click.echo(f"{task.dataset.title}, split {task.split}{edition}{' (partial)' if task.partial else ''}")
    for note in task.notes:
        click.echo(f"  note: {note}")
    tables = [count_table(found)]
    if all(city.tile_side_m is not None for city in found):
        tables += [geometry_table(found), decentrality_table(found, task.dataset.decentrality_edges)]
    for table in tables:
        click.echo(f"\n{table}")
    if figure is not None:
        click.echo(f"\nWrote {figure}")
