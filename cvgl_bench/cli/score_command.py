"""`cvgl-bench score`: metrics of embeddings made elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cvgl_bench.data.splits import Task
    from cvgl_bench.ranking.precision import Precision
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.results import Result

path_type = click.Path(path_type=Path)


@click.command(name="score")
@click.option(
    "--query-embeddings", "query", type=path_type, required=True, help=".npy file, one row a query."
)
@click.option(
    "--reference-embeddings",
    "reference",
    type=path_type,
    required=True,
    help=".npy file, one row a reference.",
)
@click.option("--dataset", required=True, help="Data set: a name, or the path of a card.")
@click.option("--split", required=True, help="Split of the data set, such as same or cross.")
@click.option("--data-root", type=path_type, help="Folder of the data set. [env: CVGL_DATA/NAME]")
@click.option("--cities", help="Comma-separated subset of cities; the result is marked partial.")
@click.option("--labels", help="Label edition, where the data set has several.")
@click.option("--name", default="embeddings", show_default=True, help="Short name of the method, for tables.")
@click.option("--title", help="Title of the method.  [default: the name]")
@click.option(
    "--normalise/--no-normalise",
    default=True,
    show_default=True,
    help="Bring rows to unit length, or refuse those that are not.",
)
@click.option(
    "--rank-precision",
    default="auto",
    show_default=True,
    help="auto, float32, bfloat16 or float16: type of a first look at the scores. Ranks are those of float32 "
    "scores with each.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--output", type=path_type, help="Run folder.  [default: runs/TIME-NAME-DATASET-SPLIT]")
@click.option(
    "--leaderboard", type=path_type, help="Leaderboards that the result joins, marked as made elsewhere."
)
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the result, as JSON.")
def command(
    query: Path,
    reference: Path,
    dataset: str,
    split: str,
    data_root: Path | None,
    cities: str | None,
    labels: str | None,
    name: str,
    title: str | None,
    normalise: bool,
    rank_precision: Precision,
    device: str,
    output: Path | None,
    leaderboard: Path | None,
    as_json: bool,
) -> None:
    """Score embeddings made elsewhere, and record them as that.

    Row n of each file embeds row n of the tables that `cvgl-bench dataset export` writes. The run folder
    that is written takes part in `cvgl-bench compare`.

    Example:

        cvgl-bench score --dataset dress --split cross --query-embeddings q.npy --reference-embeddings r.npy
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard as boards
    from cvgl_bench.running.embedding_files import EmbeddingFiles, score_files
    from cvgl_bench.running.execution import choose_device
    from cvgl_bench.running.request import read_task

    plugins = load_plugins()
    task = read_task(
        plugins,
        dataset=dataset,
        split=split,
        data_root=data_root,
        cities=tuple(city.strip() for city in cities.split(",")) if cities else None,
        label_edition=labels,
    )
    metrics = {id: entry.thing for id, entry in plugins.metrics}
    folder, result = score_files(
        EmbeddingFiles(query, reference, name, title or name),
        task,
        metrics,
        device=choose_device(device),
        normalise=normalise,
        precision=rank_precision,
        output=output,
    )
    if leaderboard is not None:
        boards.add(leaderboard, result)
        boards.write(leaderboard, datasets=plugins.datasets)
    if as_json:
        click.echo(result.model_dump_json(indent=2))
        return
    _print_result(task, result, metrics, folder)
    click.echo(f"\nWrote {folder}" + (f" and {leaderboard}" if leaderboard else ""))


def _print_result(task: Task, result: Result, metrics: Mapping[str, Metric], folder: Path) -> None:
    from cvgl_bench.cli.tables import metric_summary
    from cvgl_bench.data.splits import split_title
    from cvgl_bench.ranking import OUTCOME, read_outcome

    click.echo(f"{result.method.title} on {task.dataset.title}, {split_title(task.split)}")
    click.echo(f"  {len(task.test):,} queries, {len(task.test.references):,} references\n")
    click.echo(metric_summary(result.metrics, metrics, read_outcome(folder / OUTCOME)))
