"""Options once: a dataclass field with type, default and help is all there is to declare.

The command line, recipes, `cvgl-bench options` and the stored record derive from the same fields.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from cvgl_bench.foundation.errors import OptionError, in_one_line, suggest
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


class Layer(NamedTuple):
    """Values from one place, in order of increasing precedence: a recipe, a file, the command line."""

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class OptionInfo:
    """One option as a person sees it."""

    name: str
    type: str
    default: Any
    help: str


def option(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    earlier: Any = MISSING,
    formerly: str | None = None,
) -> Any:
    """Declare an option: a dataclass field with its default, help text and inclusive bounds.

    earlier: for an option that was added later, what was done before: records that lack it mean this
    value. formerly: for an option that was renamed, its old name.
    """
    metadata = {"help": help, "least": least, "most": most, "formerly": formerly}
    if earlier is not MISSING:
        metadata["earlier"] = earlier
    return field(default=default, metadata=metadata)


def as_of_today(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded values of the options `cls` with those that were added or renamed since."""
    found = {f.name: f.metadata["earlier"] for f in dataclasses.fields(cls) if "earlier" in f.metadata}
    names = former_names(cls)
    return found | {names.get(name, name): value for name, value in values.items()}


def former_names(cls: type) -> dict[str, str]:
    """Return the old name of every option that was renamed, with its name of today."""
    return {old: f.name for f in dataclasses.fields(cls) if (old := f.metadata.get("formerly"))}


def describe(cls: type) -> list[OptionInfo]:
    """Return every option of a dataclass in order of declaration."""
    hints = get_type_hints(cls)
    return [
        OptionInfo(f.name, _type_name(hints[f.name]), f.default, f.metadata.get("help", ""))
        for f in dataclasses.fields(cls)
    ]


def resolve(
    cls: type[Options], layers: Iterable[Layer], *, prefix: str = ""
) -> tuple[Options, dict[str, str]]:
    """Build `cls` from layers of values, later ones winning; return it and where each value came from.

    Raises OptionError for an unknown option (with a suggestion), one that was renamed (with its new
    name), a value of the wrong type, or one out of bounds.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints, former = get_type_hints(cls), former_names(cls)
    values: dict[str, Any] = {}
    origins = dict.fromkeys(fields, "default")
    for origin, given in layers:
        for name, value in given.items():
            if name in former:
                raise OptionError(
                    f"{origin} sets '{prefix}{name}', which was renamed: write '{prefix}{former[name]}'."
                )
            if name not in fields:
                raise OptionError(
                    f"{origin} sets '{prefix}{name}', but there is no such option."
                    f"{suggest(str(name), fields)} Known: {', '.join(fields)}."
                )
            values[name] = _coerce(prefix + name, hints[name], value, origin)
            _check_bounds(prefix + name, fields[name].metadata, values[name], origin)
            origins[name] = origin
    return cls(**values), origins


def parse_assignments(assignments: Iterable[str], *, origin: str = "--set") -> dict[str, Any]:
    """Parse `key=value` strings; values are read as YAML, and an empty one means null.

    origin: where they stand, for an OptionError about one.
    """
    values = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key.strip():
            raise OptionError(f"'{origin} {in_one_line(assignment)}' is not of the form key=value.")
        values[key.strip()] = _yaml_value(f"{origin} {in_one_line(assignment):.100}", text)
    return values


def _yaml_value(where: str, text: str) -> Any:
    try:
        return read_yaml(text)
    except YamlError as error:
        raise OptionError(f"'{where}': the value cannot be read as YAML ({error}).") from None


def _coerce(name: str, hint: Any, value: Any, origin: str) -> Any:
    # Importing pydantic takes a tenth of a second, which `--help` would pay for nothing.
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    value = _plain_words(hint, value)
    if isinstance(value, bool) and bool not in _members(hint):
        raise OptionError(f"{origin} sets '{name}' to {value}, but it takes {_type_name(hint)}.")
    try:
        config = ConfigDict(allow_inf_nan=False)
        return TypeAdapter(hint, config=config).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].lower()
        form = " Write it as [a, b]." if any(get_origin(each) is tuple for each in _members(hint)) else ""
        raise OptionError(
            f"{origin} sets '{name}' to {value!r}, but it takes {_type_name(hint)}: {reason}.{form}"
        ) from None


def _plain_words(hint: Any, value: Any) -> Any:
    """Read 'none' as null, and what YAML 1.1 made booleans of as the words, where the type says so."""
    members = _members(hint)
    if isinstance(value, str) and value.lower() == "none" and type(None) in members:
        return None
    if isinstance(value, bool) and bool not in members and ("off" in members or "on" in members):
        return "on" if value else "off"
    return value


def _check_bounds(name: str, metadata: Mapping[str, Any], value: Any, origin: str) -> None:
    least, most = metadata.get("least"), metadata.get("most")
    for number in value if isinstance(value, tuple) else (value,):
        if number is None or isinstance(number, (bool, str)):
            continue
        if (least is not None and number < least) or (most is not None and number > most):
            limits = {"at least": least, "at most": most}
            bounds = " and ".join(f"{word} {limit}" for word, limit in limits.items() if limit is not None)
            raise OptionError(f"{origin} sets '{name}' to {value}, but it must be {bounds}.")


def _members(hint: Any) -> tuple[Any, ...]:
    """Return a type and everything it is made of: the alternatives of a union, the words of a Literal."""
    return (hint, *(member for part in get_args(hint) for member in _members(part)))


def _type_name(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(str(value) for value in get_args(hint))
    if isinstance(hint, type) and not get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")
