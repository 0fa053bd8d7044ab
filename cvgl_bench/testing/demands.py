"""How a check fails: an assertion with a text that a plugin's author understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cvgl_bench.foundation.errors import CvglError
from cvgl_bench.foundation.registry import NAME

Answer = TypeVar("Answer")

NAME_RULE = "must start with a letter or digit and hold no spaces or slashes"


Demand = Callable[[object, str], None]


def demands_on(subject: str) -> Demand:
    """Return the function that raises AssertionError '<subject>: <text>.' unless a condition holds."""

    def demand(condition: object, text: str) -> None:
        if not condition:
            raise AssertionError(f"{subject}: {text}.")

    return demand


def is_name(name: object) -> bool:
    """Return whether something may serve as a name in a registry."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def allowed(step: Callable[[], Answer]) -> Answer:
    """Return what `step` returns; an expected error becomes a failed assertion."""
    try:
        return step()
    except CvglError as error:
        raise AssertionError(str(error)) from error
