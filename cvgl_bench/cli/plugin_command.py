"""`cvgl-bench plugin`: start a plugin of your own."""

from __future__ import annotations

import re
from pathlib import Path

import click


@click.group(name="plugin")
def command() -> None:
    """Start a plugin of your own.

    Example:

        cvgl-bench plugin new my-method
    """


@command.command(name="new")
@click.argument("name")
@click.option("--directory", type=click.Path(path_type=Path), help="Folder to make.  [default: cvgl-NAME]")
def new(name: str, directory: Path | None) -> None:
    """Write a complete plugin with a small method that trains and passes its own test.

    NAME is what --method will take: lower-case letters, digits and single hyphens.

    Example:

        cvgl-bench plugin new my-method --directory my-method
    """
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.scaffold import write_plugin

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise click.UsageError(
            f"'{name}' cannot name a method; use lower-case letters, digits and single hyphens: my-method."
        )
    methods = load_plugins().methods
    if name in methods:
        raise click.UsageError(
            f"The method '{name}' exists, offered by {methods.entry(name).origin}; choose another name."
        )
    folder = directory or Path(f"cvgl-{name}")
    for path in write_plugin(name, folder):
        click.echo(path)
    click.echo(
        f"\nInstall and test it:\n    pip install -e {folder}\n    pytest {folder}\n"
        f"Run it:\n    cvgl-bench run --method {name} --dataset mini-dress --split cross"
    )
