"""`cvgl-bench list`: what there is, and who offers it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvgl_bench.foundation.registry import PluginOrigin
    from cvgl_bench.plugins import Plugins

Row = dict[str, Any]


@click.command(name="list")
@click.argument(
    "kind", type=click.Choice(["methods", "datasets", "layouts", "metrics", "variants", "plugins"])
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(kind: str, as_json: bool) -> None:
    """List methods, data sets, layouts, metrics, variants of a task, or plugins, and where each comes from.

    Example:

        cvgl-bench list methods
    """
    from cvgl_bench.plugins import load_plugins

    plugins = load_plugins()
    rows = ROWS[kind](plugins)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(_table(rows))
    if kind != "plugins":
        for broken in plugins.broken:
            click.echo(f"Warning: {broken}", err=True)


def method_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each method."""
    from cvgl_bench.method import TrainableMethod

    return [
        {
            "method": name,
            "title": entry.thing.title,
            "trained": issubclass(entry.thing, TrainableMethod),
            **_origin(entry.origin),
        }
        for name, entry in plugins.methods
    ]


def dataset_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each data set."""
    return [
        {
            "data set": name,
            "title": entry.thing.title,
            "layout": entry.thing.layout,
            "splits": list(entry.thing.splits),
            "images": "made on first use" if entry.thing.generated else "yours (--data-root)",
            **_origin(entry.origin),
        }
        for name, entry in plugins.datasets
    ]


def layout_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each on-disk layout that a card may name."""
    return [
        {
            "layout": name,
            "expected folder": entry.thing.expected,
            "coordinates": entry.thing.coordinates,
            "can be fetched": entry.thing.lists is not None,
            **_origin(entry.origin),
        }
        for name, entry in plugins.layouts
    ]


def metric_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each metric, in the order of the tables."""
    from cvgl_bench.scoring.metrics import in_order

    entries = {name: plugins.metrics.entry(name) for name in in_order(name for name, _ in plugins.metrics)}
    return [
        {
            "metric": name,
            "title": entry.thing.title,
            "unit": entry.thing.unit,
            "better": "higher" if entry.thing.higher_is_better else "lower",
            **_origin(entry.origin),
        }
        for name, entry in entries.items()
    ]


def variant_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each variant of a task's queries; they are the harness's own."""
    from cvgl_bench.data.variants import KINDS, PLAIN

    return [
        {"variant": str(PLAIN), "value": "", "what is done": "Nothing.", "in a sweep": []},
        *(
            {
                "variant": name,
                "value": f"{kind.unit}, {kind.least:g} to {kind.most:g}" if kind.unit else "",
                "what is done": kind.help,
                "in a sweep": [f"{value:g}" for value in kind.swept] or ["yes"],
            }
            for name, kind in KINDS.items()
        ),
    ]


def plugin_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each plugin, broken ones with the reason."""
    # A plugin that fails when asked for its offers is known to be broken only then.
    for offers in (plugins.methods, plugins.datasets, plugins.layouts, plugins.metrics):
        len(offers)
    reasons = {broken.origin: broken.reason for broken in plugins.broken}
    origins = dict.fromkeys([*plugins.origins.values(), *reasons])
    return [
        {
            "plugin": origin.plugin,
            "version": origin.version,
            "distribution": origin.distribution,
            "hooks": plugins.hooks_of(origin.plugin) if origin in plugins.origins.values() else [],
            "broken": reasons.get(origin, ""),
        }
        for origin in origins
    ]


ROWS: dict[str, Callable[[Plugins], list[Row]]] = {
    "methods": method_rows,
    "datasets": dataset_rows,
    "layouts": layout_rows,
    "metrics": metric_rows,
    "variants": variant_rows,
    "plugins": plugin_rows,
}


def _origin(origin: PluginOrigin) -> Row:
    return {"from": origin.distribution, "version": origin.version}


def _table(rows: list[Row]) -> str:
    from tabulate import tabulate

    columns = [name for name in rows[0] if any(row[name] not in ("", []) for row in rows)] if rows else []
    cells = [[_text(row[name]) for name in columns] for row in rows]
    return tabulate(cells, headers=columns, disable_numparse=True) if rows else "There are none."


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
