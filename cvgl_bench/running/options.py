"""From a recipe, a file and the command line to the options of one run, each with its origin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import OptionError, suggest
from cvgl_bench.foundation.options import Layer, as_of_today, former_names, resolve
from cvgl_bench.running.recipes import find_published, find_recipe, read_recipe
from cvgl_bench.training.options import MachineOptions, TrainingOptions

if TYPE_CHECKING:
    from cvgl_bench.method import Method

SECTIONS = ("training", "method", "evaluation", "machine")
"""Sections of a run's options, in the order they are printed."""


@dataclass(frozen=True)
class RunOptions:
    """Every option of a run, by section, and where each value came from ('training.epochs')."""

    training: TrainingOptions
    method: Any
    evaluation: EvaluationOptions
    machine: MachineOptions
    origins: Mapping[str, str]
    recipe: str | None = None
    """File name of the plugin's recipe for the data set, where there is one."""
    saved: str | None = None
    """Origin of the options of an earlier run that goes on or is evaluated again."""

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the options as plain values by section."""
        return {section: dataclasses.asdict(getattr(self, section)) for section in SECTIONS}


def sections_of(method_options: type) -> dict[str, type]:
    """Return the options class of each section for a method with options class `method_options`."""
    return dict(
        zip(SECTIONS, (TrainingOptions, method_options, EvaluationOptions, MachineOptions), strict=True)
    )


def resolve_run_options(
    method: type[Method],
    *,
    dataset: str,
    split: str,
    config: Path | None = None,
    assignments: Iterable[tuple[str, Mapping[str, Any]]] = (),
    saved: str | None = None,
    published: bool = False,
) -> RunOptions:
    """Resolve defaults < recipe < `published` < `config` < `assignments`, origins with `key: value`.

    A key is `section.option`, or the option alone where only one section has it. saved: the origin whose
    values are all those of an earlier run; they keep their meaning where options were added or renamed
    since, and no recipe is read, which may set what the run did not know. published: whether the recipe
    that reproduces the method's published code goes on top. Raises OptionError.
    """
    sections = sections_of(method.Options)
    layers: dict[str, list[Layer]] = {section: [] for section in sections}
    recipes = [find_recipe(method, dataset, split)] if saved is None else []
    recipes += [find_published(method, dataset)] if saved is None and published else []
    for recipe in [*recipes, config]:
        if recipe is not None:
            for section, values in read_recipe(recipe).items():
                layers[section].append(Layer(recipe.name, values))
    for origin, assigned in assignments:
        for key, value in assigned.items():
            section, name = _locate_option(key, sections)
            layers[section].append(Layer(origin, {name: value}))
    if saved is None:
        _drop_stale_claim(layers, {recipe.name for recipe in recipes if recipe is not None})
    else:
        layers = {section: _brought_up(sections[section], layers[section], saved) for section in sections}
    resolved: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for section, cls in sections.items():
        resolved[section], found = resolve(cls, layers[section], prefix=f"{section}.")
        origins |= {f"{section}.{name}": origin for name, origin in found.items()}
    own = recipes[0].name if recipes and recipes[0] is not None else None
    return RunOptions(**resolved, origins=origins, recipe=own, saved=saved)


FREE = {"tuned_on", "tries", "seed", "select", "validation_city", "validation_fraction", "validate_every"}
"""Options of training that may be set over a recipe without making another setting of it."""


def _drop_stale_claim(layers: dict[str, list[Layer]], recipes: set[str]) -> None:
    """Take back what a layer says of how the settings were chosen where a later one sets others.

    recipes: origins that belong together, the data set's recipe and that of the published code.
    """
    training = layers["training"]
    claims = [number for number, layer in enumerate(training) if "tuned_on" in layer.values]
    if not claims:
        return
    before = recipes | {layer.origin for layer in training[: claims[-1] + 1]}
    changes = [layer for layer in training if not FREE.issuperset(layer.values)]
    later = [layer.origin for layer in [*changes, *layers["method"]] if layer.origin not in before]
    if later:
        training.append(Layer(later[-1], {"tuned_on": "unknown", "tries": None}))


def _brought_up(cls: type, layers: list[Layer], saved: str) -> list[Layer]:
    """Return layers of options with those of origin `saved` as one, in the names and meanings of today."""
    values = {
        name: value for layer in layers if layer.origin == saved for name, value in layer.values.items()
    }
    others = [layer for layer in layers if layer.origin != saved]
    return [Layer(saved, as_of_today(cls, values)), *others]


def _locate_option(key: str, sections: Mapping[str, type]) -> tuple[str, str]:
    section, separator, name = key.partition(".")
    if separator and section in sections:
        return section, name
    names = {s: {f.name for f in dataclasses.fields(cls)} for s, cls in sections.items()}
    owners = [s for s in sections if key in names[s]]
    owners = owners or [s for s, cls in sections.items() if key in former_names(cls)]
    if len(owners) == 1:
        return owners[0], key
    if owners:
        raise OptionError(f"'{key}' is an option of {' and '.join(owners)}; write '{owners[0]}.{key}'.")
    known = [f.name for cls in sections.values() for f in dataclasses.fields(cls)]
    raise OptionError(
        f"There is no option '{key}'.{suggest(key, known)} `cvgl-bench options METHOD` lists them all."
    )
