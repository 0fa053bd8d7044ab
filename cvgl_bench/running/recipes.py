"""Recipes: YAML files in a plugin that hold a method's settings for a data set and split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvgl_bench.data.worlds import seed_of
from cvgl_bench.foundation.errors import OptionError, in_one_line, suggest
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml

if TYPE_CHECKING:
    from importlib.abc import Traversable

    from cvgl_bench.method import Method

PUBLISHED = "published"
"""Name of the recipe that reproduces a published code, defects included."""

SECTIONS = ("training", "method", "evaluation")


def find_recipe(method: type[Method], dataset: str, split: str) -> Traversable | None:
    """Return the most specific of `<dataset>-<split>.yaml`, `<dataset>.yaml` and `default.yaml`.

    A generated world of another seed has the recipes of its kind.
    """
    dataset, _ = seed_of(dataset)
    if method.recipes is None:
        return None
    for name in (f"{dataset}-{split}.yaml", f"{dataset}.yaml", "default.yaml"):
        recipe = method.recipes / name
        if recipe.is_file():
            return recipe
    return None


def find_published(method: type[Method], dataset: str) -> Traversable:
    """Return `published-<dataset>.yaml` or `published.yaml`: what the published code does otherwise.

    Raises OptionError for a method that has neither.
    """
    dataset, _ = seed_of(dataset)
    names = (f"{PUBLISHED}-{dataset}.yaml", f"{PUBLISHED}.yaml")
    for recipe in [method.recipes / name for name in names] if method.recipes else []:
        if recipe.is_file():
            return recipe
    raise OptionError(
        f"Method '{method.name}' has no recipe '{PUBLISHED}.yaml' with the behaviour of its published code. "
        "Leave out --published."
    )


def read_recipe(recipe: Traversable | Path) -> dict[str, dict[str, Any]]:
    """Read a recipe into its sections, or raise OptionError naming the file."""
    try:
        data = read_yaml(recipe.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise OptionError(f"{recipe} cannot be read as a recipe: {in_one_line(error)}.") from None
    if not isinstance(data, dict):
        raise OptionError(f"{recipe} is not a recipe: it must hold the sections {', '.join(SECTIONS)}.")
    for section, values in data.items():
        if section not in SECTIONS:
            raise OptionError(f"{recipe} has a section '{section}'.{suggest(str(section), SECTIONS)}")
        if not isinstance(values, dict):
            raise OptionError(f"{recipe}: section '{section}' must hold `option: value` lines.")
    return data
