"""Command-line flags from dataclasses of options, so that each is declared once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cvgl_bench.foundation.options import Layer, describe, resolve

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")
Function = TypeVar("Function", bound=Callable[..., Any])


def flags(cls: type) -> Callable[[Function], Function]:
    """Return a decorator that gives a command one flag for each option of `cls`."""

    def decorate(function: Function) -> Function:
        for info in reversed(describe(cls)):
            flag = f"--{info.name.replace('_', '-')}"
            shown = "" if info.default in (None, ()) else f"  [default: {info.default}]"
            text = info.help[:1].upper() + info.help[1:] + "." + shown
            if info.type == "bool":
                function = click.option(flag, info.name, is_flag=True, default=None, help=text)(function)
            elif info.type.startswith("tuple"):
                text = f"{text} May be repeated."
                function = click.option(flag, info.name, multiple=True, metavar="TEXT", help=text)(function)
            else:
                function = click.option(flag, info.name, metavar=_metavar(info.type), help=text)(function)
        return function

    return decorate


def gathered(cls: type[Options], given: Mapping[str, Any]) -> Options:
    """Return the options of `cls` from a command's arguments; those not given keep their defaults."""
    names = {info.name for info in describe(cls)}
    values = {name: value for name, value in given.items() if name in names and value not in (None, ())}
    options, _ = resolve(cls, [Layer("the command line", values)])
    return options


def _metavar(type_name: str) -> str:
    return "[" + type_name.replace(" ", "") + "]" if "|" in type_name else type_name.upper()
