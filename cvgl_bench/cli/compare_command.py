"""`cvgl-bench compare`: runs against each other on the same queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.report.comparison import Comparison, Standing
    from cvgl_bench.report.run_groups import ComparedRun
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.statistics.curves import Axis

MISSING = "-"
TEXT_WIDTH = 108


@click.command(name="compare")
@click.argument("folders", metavar="RUN_A RUN_B [RUN...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--metric",
    "wanted",
    multiple=True,
    help="Metric to compare pair by pair and by decentrality; may be repeated. [default: recall@1]",
)
@click.option(
    "--pool/--no-pool",
    default=True,
    show_default=True,
    help="Take runs that differ only in the seed as one method.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    help="Draw the first metric against where queries lie in their tiles: .pdf, .png or .svg.",
)
@click.option(
    "--axis",
    type=click.Choice(["decentrality", "border"]),
    default="decentrality",
    show_default=True,
    help="Axis of the figure and of the curves: decentrality, or metres to the nearest border of the tile.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, curves included.")
def command(
    folders: tuple[Path, ...],
    wanted: tuple[str, ...],
    pool: bool,
    figure: Path | None,
    axis: str,
    as_json: bool,
) -> None:
    """Compare runs on the same queries, with intervals.

    A run is a folder that `cvgl-bench run` wrote. Runs of one method with different seeds count as one
    method, and the spread between the seeds widens the intervals.

    \b
    Examples:
        cvgl-bench compare runs/*-sample4geo-mini-dress-cross runs/*-auxgeo-mini-dress-cross
        cvgl-bench compare runs/*-dress-cross --figure recall.pdf
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report.comparison import compare
    from cvgl_bench.report.curve_figure import draw_curves
    from cvgl_bench.report.run_groups import edges_of, group_runs, read_runs, title_of
    from cvgl_bench.scoring.metrics import in_order
    from cvgl_bench.scoring.reading import repeated, repeated_notes

    if len(folders) < 2:
        raise click.UsageError("Give at least two run folders, such as runs/A runs/B.")
    plugins = load_plugins()
    chosen = [plugins.metrics[id] for id in wanted or ("recall@1",)]
    groups = group_runs(read_runs(folders), pool=pool)
    outcomes = {name: [run.outcome for run in members] for name, members in groups.items()}
    first = next(iter(groups.values()))[0]
    found = compare(
        outcomes,
        [plugins.metrics[id] for id in in_order(id for id, _ in plugins.metrics)],
        edges=edges_of(first),
    )
    along: Axis = "border_m" if axis == "border" else "decentrality"
    if figure is not None:
        draw_curves(outcomes, chosen[0], figure, title=title_of(first), axis=along)
    if as_json:
        data = _as_data(found, groups)
        data["curves"] = _curves(outcomes, chosen, axis=along)
        click.echo(json.dumps(data, indent=2))
        return
    click.echo(_headline(found, groups))
    count = first.outcome.reference_count
    same = repeated({metric.id for metric in found.metrics}, count)
    click.echo("\n" + _metric_table(found, [metric for metric in found.metrics if metric.id not in same]))
    for note in [*repeated_notes(same, count), *_undefined(found, same)]:
        click.echo(note)
    reported = {metric.id for metric in found.metrics}
    for metric in chosen:
        if metric.id not in reported:
            click.echo(f"\n{metric.id} is not reported by all of these runs.")
            continue
        click.echo("\n" + _pair_table(found, metric))
        click.echo("\n" + _stratum_table(found, metric))
    click.echo("\n" + _legend(found))
    if figure is not None:
        click.echo(f"\nWrote {figure}")


def _curves(
    outcomes: dict[str, list[Outcome]], metrics: Sequence[Metric], *, axis: Axis
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return the curve of every chosen metric that is a mean, by metric and method, column by column."""
    from cvgl_bench.report.curve_figure import decentrality_curves

    return {
        metric.id: {
            name: {str(column): curve[column].tolist() for column in curve}
            for name, curve in decentrality_curves(outcomes, metric, axis=axis).items()
        }
        for metric in metrics
        if metric.aggregate == "mean"
    }


def _headline(found: Comparison, groups: dict[str, list[ComparedRun]]) -> str:
    """Return what was tested, and for each method its runs and the options that set it apart."""
    from cvgl_bench.report.leaderboard.settings import differing_options, seed_of
    from cvgl_bench.report.run_groups import title_of

    firsts = [members[0].result for members in groups.values()]
    lines = [
        f"{title_of(next(iter(groups.values()))[0])}: {found.query_count:,} queries, the same in every run."
    ]
    width = max(map(len, groups))
    for (name, members), options in zip(groups.items(), differing_options(firsts), strict=True):
        seeds = [str(seed_of(run.result)) for run in members if seed_of(run.result) is not None]
        text = f"{len(members)} run{'s' if len(members) > 1 else ''}"
        if seeds:
            text += f", seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}"
        lines.append(f"  {name:<{width}}  {text}")
        if options and options not in name:
            lines.append(click.wrap_text(options, TEXT_WIDTH, "    ", "    "))
    return "\n".join(lines)


def _metric_table(found: Comparison, metrics: Sequence[Metric]) -> str:
    """Return one row a metric, one column a method: value, interval, letters."""
    from tabulate import tabulate

    from cvgl_bench.report.comparison import OVERALL

    rows = [
        [
            metric.id,
            metric.unit,
            *(_standing(s, metric) for s in found.standings[metric.id][OVERALL].values()),
        ]
        for metric in metrics
    ]
    return tabulate(rows, headers=["metric", "unit", *found.runs], disable_numparse=True)


def _undefined(found: Comparison, same: Mapping[str, str]) -> list[str]:
    from cvgl_bench.cli.tables import undefined_notes
    from cvgl_bench.report.comparison import OVERALL

    any_method = next(iter(found.runs))
    estimates = {
        id: strata[OVERALL][any_method].estimate for id, strata in found.standings.items() if id not in same
    }
    return undefined_notes(estimates, {metric.id: metric for metric in found.metrics})


def _pair_table(found: Comparison, metric: Metric) -> str:
    """Return one row a pair of methods: the difference, its interval and p-value, and the verdict."""
    from tabulate import tabulate

    from cvgl_bench.report.changes import format_change, format_p, verdict
    from cvgl_bench.report.comparison import OVERALL

    pairs = [d for d in found.differences if d.metric == metric.id and d.stratum == OVERALL]
    rows = [
        [
            f"{d.first} - {d.second}",
            format_change(d, metric.unit),
            format_p(d.p),
            verdict(d, metric),
        ]
        for d in pairs
    ]
    unit = "points" if metric.unit == "%" else metric.unit
    headers = [f"difference in {metric.id}", unit or "value", "p", "verdict"]
    return tabulate(rows, headers=headers, disable_numparse=True)


def _stratum_table(found: Comparison, metric: Metric) -> str:
    """Return one row a bin, one column a method, and the difference where there are two methods."""
    from tabulate import tabulate

    from cvgl_bench.report.changes import format_change, format_p
    from cvgl_bench.report.comparison import OVERALL

    rows = []
    for stratum, standings in found.standings[metric.id].items():
        if stratum == OVERALL:
            continue
        count = min(standing.estimate.count for standing in standings.values())
        row = [stratum, count, *(_standing(s, metric) for s in standings.values())]
        pairs = [d for d in found.differences if d.metric == metric.id and d.stratum == stratum]
        if len(found.runs) == 2:
            row += (
                [format_change(pairs[0], metric.unit), format_p(pairs[0].p)] if pairs else [MISSING, MISSING]
            )
        rows.append(row)
    headers = ["decentrality", "queries", *found.runs]
    if len(found.runs) == 2:
        headers += ["difference", "p"]
    table = tabulate(rows, headers=headers, disable_numparse=True)
    return f"{metric.id}{f' in {metric.unit}' if metric.unit else ''} by decentrality\n{table}"


def _legend(found: Comparison) -> str:
    lines = [
        "In brackets: 95 % intervals for queries drawn from these cities. Queries of one tile, and of tiles "
        "near it as far as the data show, are not taken as independent.",
        "Methods that share a letter in a row cannot be told apart; 'a' is the best group. p is by Student's "
        "t and corrected for the number of comparisons (Holm), overall and by decentrality, as is the "
        "interval of a difference: it excludes zero exactly where p is below 0.05.",
    ]
    if any(count > 1 for count in found.runs.values()):
        lines.append(
            "A method with several runs is shown by their mean; its intervals include the spread between "
            "seeds."
        )
    if any(difference.claim == "weights" for difference in found.differences):
        lines.append(
            "With fewer than three runs a side a verdict is on these weights: how much the training seed "
            "matters is not known, and equal methods often differ by as much."
        )
    return "\n".join(click.wrap_text(line, TEXT_WIDTH) for line in lines)


def _standing(standing: Standing, metric: Metric) -> str:
    from cvgl_bench.report.leaderboard.estimates import print_estimate

    if standing.estimate.value is None:
        return MISSING
    return f"{print_estimate(standing.estimate, metric.unit)} {standing.letters}"


def _as_data(found: Comparison, groups: dict[str, list[ComparedRun]]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "query_count": found.query_count,
        "methods": {name: [run.result.id for run in members] for name, members in groups.items()},
        "standings": {
            metric: {
                stratum: {
                    name: {**standing.estimate.model_dump(), "letters": standing.letters}
                    for name, standing in standings.items()
                }
                for stratum, standings in strata.items()
            }
            for metric, strata in found.standings.items()
        },
        "differences": [{**asdict(d), "told_apart": d.told_apart} for d in found.differences],
    }
