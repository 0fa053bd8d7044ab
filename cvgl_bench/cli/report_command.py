"""`cvgl-bench report`: runs on one page, to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

path_type = click.Path(path_type=Path)


@click.command(name="report")
@click.argument("folders", metavar="RUN [RUN...]", nargs=-1, required=True, type=path_type)
@click.option(
    "--output",
    type=path_type,
    default=Path("report.html"),
    show_default=True,
    help="HTML file to write; everything is inside.",
)
@click.option("--figures", "figure_folder", type=path_type, help="Folder for the figures, as SVG files.")
@click.option("--data-root", type=path_type, help="Folder of the data set, where it has moved.")
@click.option(
    "--pool/--no-pool",
    default=True,
    show_default=True,
    help="Take runs that differ only in the seed as one method where methods are compared.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the queries drawn at random.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    folders: tuple[Path, ...],
    output: Path,
    figure_folder: Path | None,
    data_root: Path | None,
    pool: bool,
    seed: int,
    overwrite: bool,
) -> None:
    """Show runs on one page: where they find queries, and where they do not.

    A RUN is a folder that `cvgl-bench run` or `score` wrote. The page needs no network, and holds maps of
    the queries and pictures of the best, the worst and others, where the data are on disk. Several runs of
    one split are compared as `cvgl-bench compare` does.

    \b
    Examples:
        cvgl-bench report runs/20260101-120000-sample4geo-mini-dress-cross
        cvgl-bench report runs/*-mini-dress-cross --output both.html --figures figures
    """
    from cvgl_bench.foundation.errors import UsageError
    from cvgl_bench.foundation.whole_files import written_whole
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.report.page.page import make_page
    from cvgl_bench.report.run_groups import group_runs, read_runs
    from cvgl_bench.running.reported import reported_runs

    if output.exists() and not overwrite:
        raise UsageError(f"{output} exists; choose another --output or add --overwrite.")
    runs = read_runs(folders)
    plugins = load_plugins()
    groups = group_runs(runs, pool=pool)
    single = group_runs(runs, pool=False)
    named = {name: members[0] for name, members in single.items()}
    # The place is taken first: one that cannot be written is said before the work, not after it.
    with written_whole(output, exclusive=not overwrite) as temporary:
        page = make_page(
            reported_runs(named, plugins, data_root=data_root),
            groups if len(groups) > 1 else single,
            {id: entry.thing for id, entry in plugins.metrics},
            seed=seed,
        )
        temporary.write_text(page.html, encoding="utf-8", newline="")
    click.echo(f"Wrote {output}")
    if figure_folder is not None:
        _write_figures(figure_folder, page.figures, overwrite=overwrite)


def _write_figures(folder: Path, figures: Mapping[str, str], *, overwrite: bool) -> None:
    from cvgl_bench.foundation.errors import DataError
    from cvgl_bench.foundation.whole_files import write_text

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    for name, text in figures.items():
        write_text(folder / name, text, exclusive=not overwrite)
        click.echo(f"Wrote {folder / name}")
