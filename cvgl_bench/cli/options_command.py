"""`cvgl-bench options`: everything that a run of a method may set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.method import Method

MAX_WIDTH = 120
"""Lines longer than this are hard to read, however wide the terminal is."""


@click.command(name="options")
@click.argument("method")
@click.option("--dataset", help="Also show the values of the recipe for this data set.")
@click.option("--split", help="Split that the recipe is for, such as same or cross.")
@click.option("--published", is_flag=True, help="Also show what `run --published` would set.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(method: str, dataset: str | None, split: str | None, published: bool, as_json: bool) -> None:
    """Show every option of a method: type, default, what its recipe sets, and help.

    Any of them can be given to `run` as --set KEY=VALUE.

    Example:

        cvgl-bench options sample4geo --dataset vigor --split cross
    """
    from cvgl_bench.data.cards import find_dataset
    from cvgl_bench.plugins import load_plugins

    if split and not dataset:
        raise click.UsageError("--split needs --dataset: a recipe is for a data set and its split.")
    plugins = load_plugins()
    if dataset:
        card = find_dataset(dataset, plugins.datasets)
        if split and split not in card.splits:
            raise click.UsageError(f"{dataset} has no split '{split}'; it has {', '.join(card.splits)}.")
    rows = option_rows(plugins.method(method), dataset=dataset, split=split, published=published)
    click.echo(json.dumps(rows, indent=2, default=str) if as_json else _as_help(rows))


def option_rows(
    method: type[Method], *, dataset: str | None, split: str | None, published: bool = False
) -> list[dict[str, Any]]:
    """Return a row for each option; `value` and `set_by` where the recipe changes the default."""
    from cvgl_bench.foundation.options import describe
    from cvgl_bench.running.options import resolve_run_options, sections_of

    resolved = None
    if dataset or published:
        resolved = resolve_run_options(method, dataset=dataset or "", split=split or "", published=published)
    values = resolved.values() if resolved else {}
    rows = []
    for section, cls in sections_of(method.Options).items():
        for info in describe(cls):
            name = f"{section}.{info.name}"
            row = {"option": name, "type": info.type, "default": info.default, "help": info.help}
            if resolved and resolved.origins[name] != "default":
                row |= {"value": values[section][info.name], "set_by": resolved.origins[name]}
            rows.append(row)
    return rows


def _as_help(rows: list[dict[str, Any]]) -> str:
    formatter = click.HelpFormatter(max_width=MAX_WIDTH)
    for section in dict.fromkeys(_section(row) for row in rows):
        with formatter.section(section):
            formatter.write_dl(
                [
                    (row["option"].partition(".")[2], _description(row))
                    for row in rows
                    if _section(row) == section
                ]
            )
    return formatter.getvalue().rstrip()


def _section(row: dict[str, Any]) -> str:
    return row["option"].partition(".")[0]


def _description(row: dict[str, Any]) -> str:
    facts = f"[{row['type']}, default {_text(row['default'])}"
    if "value" in row:
        facts += f"; {row['set_by']} sets {_text(row['value'])}"
    return f"{row['help']}  {facts}]"


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
