"""`cvgl-bench dataset show`: one query as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset


@click.command("show")
@choose_dataset
@click.option("--split", help="Split to show a test query of.  [default: the card's first]")
@click.option(
    "--query", "row", type=click.IntRange(min=0), default=0, show_default=True, help="Row of the query."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="PNG or PDF.")
def command(choice: DatasetChoice, split: str | None, row: int, output: Path) -> None:
    """Draw a test query of DATASET: panorama, tile with its position marked, bird's-eye view.

    Example:

        cvgl-bench dataset show mini-dress --split cross --query 12 --output query.png
    """
    from cvgl_bench.data_tools.query_figure import draw_query
    from cvgl_bench.foundation.errors import UsageError

    test = choice.read_task(split).test
    if row >= len(test.queries):
        raise UsageError(f"--query is {row}, but the test split has the rows 0 to {len(test.queries) - 1}.")
    draw_query(test, row, output)
    click.echo(f"Wrote {output}: {test.queries['path'].iloc[row]}")
