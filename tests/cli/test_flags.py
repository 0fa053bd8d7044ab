"""Flags that come from a dataclass of options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import click
import pytest
from click.testing import CliRunner

from cvgl_bench.cli.flags import flags, gathered
from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import option


@dataclass(frozen=True)
class Some:
    """Options of every kind."""

    tile_px: int = option(224, "side of a tile", least=16)
    rule: Literal["near", "far"] = option("near", "which one")
    names: tuple[str, ...] = option((), "what they are called")
    title: str | None = option(None, "what it is called")
    quick: bool = option(False, "do it quickly")


@click.command()
@flags(Some)
def command(**given) -> None:
    click.echo(repr(gathered(Some, given)))


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_defaults_are_those_of_the_dataclass():
    assert run().output.strip() == repr(Some())


def test_values_get_the_types_of_the_fields():
    result = run(
        "--tile-px", "64", "--rule", "far", "--names", "a", "--names", "b", "--title", "T", "--quick"
    )
    assert result.output.strip() == repr(Some(64, "far", ("a", "b"), "T", True))


@pytest.mark.parametrize(
    ("arguments", "text"), [(("--tile-px", "8"), "at least 16"), (("--rule", "x"), "near | far")]
)
def test_wrong_values_are_refused_by_the_options(arguments, text):
    error = run(*arguments).exception
    assert isinstance(error, OptionError) and text in str(error)


def test_help_shows_text_type_and_default():
    output = " ".join(run("--help").output.split())
    assert "--tile-px INT Side of a tile. [default: 224]" in output
    assert "--rule [near|far] Which one. [default: near]" in output
    assert "--quick Do it quickly." in output and "May be repeated" in output
