"""`cvgl-bench sweep`: a run's weights on variants of its test queries."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cvgl_bench.running.sweep import Step, Sweep

TEXT_WIDTH = 108
LEGEND = (
    "Changes are from the plain queries (none), query by query. p and the intervals of changes are corrected "
    "for the number of variants (Holm)."
)

path_type = click.Path(path_type=Path)


@click.command(name="sweep")
@click.argument("run", type=path_type)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME[:VALUE]",
    help="Variant to try; may be repeated.  [default: the values in `cvgl-bench list variants`]",
)
@click.option("--metric", "metric_id", default="recall@1", show_default=True, help="Metric to compare.")
@click.option("--data-root", type=path_type, help="Folder of the data set, where it has moved.")
@click.option("--device", help="auto, cpu, cuda or cuda:N.  [default: that of the run]")
@click.option("--workers", type=int, help="Processes that read images.  [default: that of the run]")
@click.option(
    "--output", type=path_type, help="Folder to write.  [default: runs/TIME-METHOD-DATASET-SPLIT-sweep]"
)
@click.option("--figure", type=path_type, help="PDF, PNG or SVG file.  [default: sweep.png in that folder]")
@click.option(
    "--leaderboard", type=path_type, help="Leaderboards that the results join, kept apart by variant."
)
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the sweep, as JSON.")
def command(
    run: Path,
    variants: tuple[str, ...],
    metric_id: str,
    data_root: Path | None,
    device: str | None,
    workers: int | None,
    output: Path | None,
    figure: Path | None,
    leaderboard: Path | None,
    as_json: bool,
) -> None:
    """Evaluate a run on turned, narrowed or spoilt queries, and show the drop from the plain ones.

    RUN is a folder that `cvgl-bench run` wrote. The references are embedded once. Every variant becomes a
    run folder of its own, which `cvgl-bench compare` reads.

    \b
    Examples:
        cvgl-bench sweep runs/20260101-120000-sample4geo-mini-dress-cross
        cvgl-bench sweep runs/20260101-120000-sample4geo-dress-same --variant fov:90 --variant fov-random:90
    """
    from cvgl_bench.foundation.figure_files import check_format
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.running.sweep import sweep
    from cvgl_bench.running.sweep_figure import draw_sweep

    if figure is not None:
        check_format(figure)
    # The variants share their references: what is said of them is said once.
    say = (lambda text: None) if as_json else functools.cache(click.echo)
    from cvgl_bench.running.request import on_variants

    plugins = load_plugins()
    metric = plugins.metrics[metric_id]
    machine = {"device": device, "workers": workers}
    values = {f"--{name}": {f"machine.{name}": value} for name, value in machine.items() if value is not None}
    runs = on_variants(
        run,
        plugins,
        variants,
        output=output,
        values=values,
        data_root=data_root,
        leaderboard=leaderboard,
        say=say,
    )

    found = sweep(runs, metric)
    figure = figure or found.folder / "sweep.png"
    draw_sweep(found, figure)
    if as_json:
        click.echo(json.dumps({"folder": str(found.folder), **found.as_data()}, indent=2))
        return
    result = found.result
    click.echo(f"\n{result.method.title} on {result.task.dataset}, {result.task.split}-area")
    click.echo(f"  {result.task.query_count:,} queries, {result.task.reference_count:,} references\n")
    click.echo(_table(found) + "\n")
    click.echo(click.wrap_text(LEGEND, TEXT_WIDTH))
    click.echo(f"\nWrote {found.folder} and {figure}")


def _table(found: Sweep) -> str:
    from tabulate import tabulate

    metric = found.metric
    points = "points" if metric.unit == "%" else metric.unit or "value"
    headers = ["variant", f"{metric.id} {metric.unit}".strip(), f"change, {points}", "p", "verdict"]
    return tabulate([_row(step, found) for step in found.steps], headers=headers, disable_numparse=True)


def _row(step: Step, found: Sweep) -> list[str]:
    from cvgl_bench.report.changes import format_change, format_p
    from cvgl_bench.report.leaderboard.estimates import print_estimate

    row = [str(step.variant), print_estimate(step.estimate, found.metric.unit)]
    if step.change is None:
        return [*row, "", "", ""]
    verdict = "told apart" if step.told_apart else "cannot be told apart"
    return [*row, format_change(step.change, found.metric.unit), format_p(step.change.p), verdict]
