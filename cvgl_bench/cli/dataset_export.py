"""`cvgl-bench dataset export`: a split's rows as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset


@click.command("export")
@choose_dataset
@click.option("--split", help="Split to write.  [default: the card's first]")
@click.option(
    "--part",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Which part of it.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for the two files.")
def command(choice: DatasetChoice, split: str | None, part: str, output: Path) -> None:
    """Write references.csv and queries.csv of a split of DATASET.

    Row n of each file is row n of the embeddings that `cvgl-bench score` reads.

    Example:

        cvgl-bench dataset export mini-dress --split cross --output rows
    """
    from cvgl_bench.data_tools.inspection import export

    task = choice.read_task(split)
    for path in export(task.train if part == "train" else task.test, output):
        click.echo(f"Wrote {path}")
