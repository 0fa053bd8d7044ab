"""`cvgl-bench dataset export`: a split's rows as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from cvgl_bench.cli.dataset_place import find_card, find_folder, place_options, split_cities


@click.command("export")
@place_options
@click.option("--split", help="Split to write.  [default: the card's first]")
@click.option(
    "--part",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Which part of it.",
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for the two files.")
def command(
    dataset: str,
    data_root: Path | None,
    cities: str | None,
    label_edition: str | None,
    split: str | None,
    part: str,
    output: Path,
) -> None:
    """Write references.csv and queries.csv of a split of DATASET.

    Row n of each file is row n of the embeddings that `cvgl-bench score` reads.

    Example:

        cvgl-bench dataset export mini-dress --split cross --output rows
    """
    from cvgl_bench import layouts
    from cvgl_bench.inspection import export

    card = find_card(dataset)
    root = find_folder(card, data_root)
    name = split or next(iter(card.splits))
    task = layouts.read_task(card, name, root, cities=split_cities(cities), label_edition=label_edition)
    for path in export(task.train if part == "train" else task.test, output):
        click.echo(f"Wrote {path}")
