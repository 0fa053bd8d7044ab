"""`cvgl-bench leaderboard`: pages of tables from the result files, and whether they are right."""

from __future__ import annotations

import json
import shlex
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
@click.argument("run", type=click.Path(path_type=Path), required=False)
@folder_option
@json_option
def verify_command(run: Path | None, folder: Path, as_json: bool) -> None:
    """Recompute every figure of a run from its outcome and compare; exit with 1 if one differs.

    RUN is a run folder, with result.json and outcome.parquet; without it, every result of --folder whose
    outcome is kept beside it is recomputed. No GPU, images or weights are needed.

    \b
    Examples:
        cvgl-bench leaderboard verify runs/20260101-120000-chance-mini-dress-cross
        cvgl-bench leaderboard verify --folder leaderboards
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report import leaderboard

    metrics = {id: entry.thing for id, entry in load_plugins().metrics}
    if run is None:
        found = leaderboard.verify_all(folder, metrics)
        lines = [f"{id}: {line}" for id, differences in found.items() for line in differences]
        kept = "no outcome" if not found else "1 outcome" if len(found) == 1 else f"{len(found)} outcomes"
        agrees = f"{folder} keeps {kept} beside its results" + (
            ", and every figure of theirs follows." if found else "."
        )
        _report(lines or [agrees], lines, as_json=as_json)
        return
    differences = leaderboard.verify(folder, run, metrics)
    _report(differences or [_agreement(run)], differences, as_json=as_json)


def _agreement(run: Path) -> str:
    """Return what agrees where a run's figures were recomputed without a difference."""
    from cvgl_bench.scoring.results import read_result

    if read_result(run).metrics.intervals != "bootstrap":
        return f"Every figure of {run} follows from its outcome."
    return (
        f"Every value and count of {run} follows from its outcome. Its intervals were made by the "
        "formulas of version 0.1, which are gone, and were not checked."
    )


@command.command(name="submit")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("leaderboards"),
    show_default=True,
    help="Leaderboards of a clone of the repository.",
)
def submit_command(run: Path, folder: Path) -> None:
    """Check a finished run and write what a pull request needs into a clone's leaderboards.

    RUN is a folder that `cvgl-bench run` wrote, on a data set that comes with the harness and by code that is
    committed. Its figures are recomputed from its outcome first. No result that is there is replaced.

    Example:

        cvgl-bench leaderboard submit runs/20260101-120000-sample4geo-vigor-cross
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.running.submission import submit
    from cvgl_bench.scoring.results import read_result

    for path in submit(folder, run, load_plugins()):
        click.echo(f"wrote {path}")
    result = read_result(run)
    title = f"{result.method.title} on {result.task.dataset}, {result.task.split}"
    click.echo("\nEvery figure follows from the outcome. next: commit these files and open a pull request:")
    click.echo(f"  git add {folder} && git commit -m {shlex.quote(f'Result: {title}')}")
    if result.commit is None:
        click.echo("The record names no commit: say in the pull request which code made it.")


@command.command(name="add")
@click.argument("result", type=click.Path(path_type=Path))
@folder_option
def add_command(result: Path, folder: Path) -> None:
    """Put a result on the leaderboard and rebuild the pages; nothing is overwritten.

    `submit` is for the leaderboards of the repository.

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
