"""`cvgl-bench leaderboard`: pages of tables from the result files, and whether they are right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cvgl_bench.foundation.places import LEADERBOARDS

folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=LEADERBOARDS,
    show_default=True,
    help="Folder with results/ and published/; the pages are written into it.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="leaderboard")
def command() -> None:
    """Build or check leaderboard tables: your own, where runs go, or those of --folder.

    Example:

        cvgl-bench leaderboard build
    """


@command.command(name="build")
@folder_option
def build_command(folder: Path) -> None:
    """Write the pages from results/ and published/.

    Example:

        cvgl-bench leaderboard build --folder leaderboards
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard

    changed = leaderboard.write(folder, datasets=load_plugins().datasets)
    for name in changed:
        click.echo(f"wrote {folder / name}" if (folder / name).exists() else f"removed {folder / name}")
    if not changed:
        click.echo("All pages are up to date.")


@command.command(name="check")
@folder_option
@json_option
def check_command(folder: Path, as_json: bool) -> None:
    """Say which pages are out of date; exit with 1 if any is.

    Example:

        cvgl-bench leaderboard check
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard

    stale = leaderboard.check(folder, datasets=load_plugins().datasets)
    rebuild = "cvgl-bench leaderboard build" + ("" if folder == LEADERBOARDS else f" --folder {folder}")
    lines = [f"{folder / name} is out of date; run `{rebuild}`." for name in stale]
    _report(lines or ["All pages are up to date."], stale, as_json=as_json)


@command.command(name="verify")
@click.argument("run", type=click.Path(path_type=Path))
@folder_option
@json_option
def verify_command(run: Path, folder: Path, as_json: bool) -> None:
    """Recompute every figure of a run from its outcome and compare; exit with 1 if one differs.

    RUN is a run folder, with result.json and outcome.parquet. No GPU, images or weights are needed.

    Example:

        cvgl-bench leaderboard verify runs/20260101-120000-chance-mini-dress-cross
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard
    from cvgl_bench.scoring.results import read_result

    metrics = {id: entry.thing for id, entry in load_plugins().metrics}
    differences = leaderboard.verify(folder, run, metrics)
    agrees = f"Every figure of {run} follows from its outcome."
    if not differences and read_result(run).metrics.intervals == "bootstrap":
        agrees = (
            f"Every value and count of {run} follows from its outcome. Its intervals were made by the "
            "formulas of version 0.1, which are gone, and were not checked."
        )
    _report(differences or [agrees], differences, as_json=as_json)


@command.command(name="add")
@click.argument("result", type=click.Path(path_type=Path))
@folder_option
def add_command(result: Path, folder: Path) -> None:
    """Put a result on the leaderboard and rebuild the pages; nothing is overwritten.

    RESULT is a run folder or a result file.

    Example:

        cvgl-bench leaderboard add runs/20260101-120000-chance-mini-dress-cross
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard
    from cvgl_bench.scoring.results import read_result

    click.echo(f"wrote {leaderboard.add(folder, read_result(result))}")
    for name in leaderboard.write(folder, datasets=load_plugins().datasets):
        click.echo(f"wrote {folder / name}")


def _report(lines: list[str], findings: list[Any], *, as_json: bool) -> None:
    """Print what was found; anything found is a failure."""
    click.echo(json.dumps(findings, indent=2) if as_json else "\n".join(lines))
    if findings:
        raise click.exceptions.Exit(1)
