"""`cvgl-bench dataset probe`: can a data set be solved without seeing the place?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset

if TYPE_CHECKING:
    from cvgl_bench.data_tools.probing import Finding, PositionCode, Probes


@click.command("probe")
@choose_dataset
@click.option("--split", help="Split to probe.  [default: the card's first]")
@click.option("--queries", default=1000, show_default=True, help="Queries drawn, and training pairs.")
@click.option("--disc-queries", default=48, show_default=True, help="Queries whose ground is slid.")
@click.option("--disc-references", default=256, show_default=True, help="Tiles it is slid over.")
@click.option("--eye-m", default=2.5, show_default=True, help="Height of the cameras above the ground.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(choice: DatasetChoice, split: str | None, eye_m: float, as_json: bool, **counts: int) -> None:
    """Look for shortcuts in a split of DATASET: what finds a place by something that is not the place.

    File sizes, mean colours, skies and coarse layouts should find next to nothing, and no tile should tell
    its number in another city. The discs see the ground itself: how far they get says what bare matching
    is worth, and the fingerprint how much of that is grain.

    \b
    Examples:
        cvgl-bench dataset probe mini-dress --split cross
        cvgl-bench dataset probe vigor --data-root data/vigor --split same
    """
    from cvgl_bench.data_tools.probing import probe
    from cvgl_bench.foundation.progress import progress

    task = choice.read_task(split)
    with progress(None, f"probe {task.dataset.name}") as bar:
        found = probe(task, **counts, eye_m=eye_m, progress=bar)
    if as_json:
        click.echo(json.dumps(_report(task.dataset.name, task.split, found), indent=2))
        return
    click.echo(f"{task.dataset.title}, split {task.split}\n\n{_table(found)}")
    if found.codes:
        click.echo(f"\n{_codes(found.codes)}")


def _report(dataset: str, split: str, found: Probes) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "split": split,
        "probes": [_values(finding) for finding in found.findings],
        "position_codes": [
            {"cities": code.cities, "correlation": code.correlation, "deviations": code.deviations}
            for code in found.codes
        ],
    }


def _values(finding: Finding) -> dict[str, Any]:
    low, high = finding.interval
    return {
        "probe": finding.name,
        "hits": finding.hits,
        "queries": finding.queries,
        "references": finding.references,
        "recall@1": finding.recall,
        "low": low,
        "high": high,
        "chance": finding.chance,
        "verdict": finding.verdict,
    }


def _table(found: Probes) -> str:
    from tabulate import tabulate

    rows = []
    for finding in found.findings:
        low, high = finding.interval
        recall = f"{100 * finding.recall:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
        of = f"{finding.queries} in {finding.references}"
        rows.append([finding.name, of, recall, f"{100 * finding.chance:.2f}", finding.verdict])
    return tabulate(rows, ["probe", "queries", "recall@1 %", "chance %", "verdict"], disable_numparse=True)


def _codes(codes: tuple[PositionCode, ...]) -> str:
    worst = max(codes, key=lambda code: abs(code.deviations))
    return (
        f"Tile n of one city and tile n of another, {len(codes)} pairs of cities: at most "
        f"{abs(worst.deviations):.1f} standard deviations alike ({worst.cities[0]} and {worst.cities[1]}, "
        f"r = {worst.correlation:.3f})."
    )
