"""Finding plugins and collecting what they offer; built by a function, never at import."""

from __future__ import annotations

import contextlib
import importlib.metadata
import inspect
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

import cvgl_bench
from cvgl_bench import hookspecs
from cvgl_bench.foundation.errors import UnknownNameError, suggest
from cvgl_bench.foundation.registry import PluginOrigin, Registry

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.layouts.layout import Layout
    from cvgl_bench.data_tools.fetch.provider import Provider
    from cvgl_bench.method import Method
    from cvgl_bench.scoring.metrics import Metric

ENTRY_POINT_GROUP = "cvgl_bench"
OURS = "cvgl-bench"
"""The distribution whose entry points are the built-ins; they are there whatever else is."""

AT_HAND = Path(cvgl_bench.__file__).parents[1] / "plugins"
"""The plugins of a checkout of the repository, a folder a method; elsewhere there is none."""


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be imported or registered."""

    origin: PluginOrigin
    reason: str

    def __str__(self) -> str:
        return f"Plugin '{self.origin.plugin}' ({self.origin}) is broken: {self.reason}."


@dataclass(frozen=True)
class Plugins:
    """The plugin manager, what each plugin offers, and those that are broken."""

    manager: pluggy.PluginManager
    origins: dict[str, PluginOrigin]
    broken: list[BrokenPlugin] = field(default_factory=list)

    @property
    def hook(self) -> Any:
        """The hooks, to call events on."""
        return self.manager.hook

    @cached_property
    def methods(self) -> Registry[type[Method]]:
        """Methods by name."""
        from cvgl_bench.method import Method

        def named(thing: Any) -> tuple[str, Any]:
            if not (isinstance(thing, type) and issubclass(thing, Method)) or inspect.isabstract(thing):
                raise TypeError(f"{thing!r} is not a complete subclass of cvgl_bench.method.Method")
            return thing.name, thing

        return self._collect("method", "cvgl_methods", named)

    @cached_property
    def datasets(self) -> Registry[Dataset]:
        """Data sets by name."""
        from cvgl_bench.data.cards import read_card
        from cvgl_bench.data.dataset import Dataset
        from cvgl_bench.data.layouts.layout import layout_of

        def named(thing: Any) -> tuple[str, Any]:
            card = read_card(thing) if isinstance(thing, (str, Path)) else thing
            if not isinstance(card, Dataset):
                raise TypeError(f"{card!r} is neither a cvgl_bench.Dataset nor a card's path")
            layout_of(card, self.layouts)
            return card.name, card

        return self._collect("data set", "cvgl_datasets", named)

    @cached_property
    def layouts(self) -> Registry[Layout]:
        """On-disk layouts by name."""
        from cvgl_bench.data.layouts.layout import Layout

        def named(thing: Any) -> tuple[str, Any]:
            if not isinstance(thing, Layout):
                raise TypeError(f"{thing!r} is not a cvgl_bench.Layout")
            return thing.name, thing

        return self._collect("layout", "cvgl_layouts", named)

    @cached_property
    def providers(self) -> Registry[type[Provider]]:
        """Image providers by name."""
        return self._collect("image provider", "cvgl_providers", lambda provider: (provider.name, provider))

    @cached_property
    def metrics(self) -> Registry[Metric]:
        """Metrics by id."""
        return self._collect("metric", "cvgl_metrics", lambda metric: (metric.id, metric))

    def hooks_of(self, name: str) -> list[str]:
        """Return the names of the hooks that a plugin implements."""
        callers = self.manager.get_hookcallers(self.manager.get_plugin(name)) or []
        return sorted(caller.name for caller in callers)

    def method(self, name: str) -> type[Method]:
        """Return a method's class, or raise UnknownNameError, which says how to install what is at hand."""
        installed = {*self.origins, *(broken.origin.plugin for broken in self.broken)}
        at_hand = {path.parent.name for path in AT_HAND.glob("*/pyproject.toml")}
        if name not in self.methods and name in at_hand - installed:
            raise UnknownNameError(
                f"The method '{name}' comes with a plugin that is not installed: "
                f"pip install -e {shlex.quote(str(AT_HAND / name))}"
            )
        return self.methods[name]

    def _collect(self, kind: str, hook: str, named: Any) -> Registry[Any]:
        registry: Registry[Any] = Registry(kind, missing=self.broken)
        for implementation in getattr(self.manager.hook, hook).get_hookimpls():
            origin = self.origins[implementation.plugin_name]
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    offers = [named(offer) for offer in implementation.function()]
            except Exception as error:  # Whatever a stranger's code raises, the rest must work.
                if origin.distribution == OURS:
                    raise
                reason = f"{hook}() fails with {type(error).__name__}: {error}"
                self.broken.append(BrokenPlugin(origin, reason))
                continue
            for name, thing in offers:
                registry.add(name, thing, origin)
        return registry


def load_plugins(
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None, extra: Sequence[ModuleType] = ()
) -> Plugins:
    """Return the manager with the built-ins, every installed plugin, and `extra` modules.

    A plugin that fails to import, misspells a hook, or shares its entry-point name with another is
    recorded as broken; the rest works.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager, {})
    installed = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    ours = [entry_point for entry_point in installed if _origin(entry_point).distribution == OURS]
    for entry_point in _without_copies(ours):
        _register(plugins, entry_point.load(), _origin(entry_point))
    given = installed if entry_points is None else entry_points
    found = [entry_point for entry_point in _without_copies(given) if entry_point not in ours]
    times = Counter(entry_point.name for entry_point in found)
    for entry_point in found:
        origin = _origin(entry_point)
        if times[entry_point.name] > 1:
            others = ", ".join(str(_origin(e)) for e in found if e.name == entry_point.name)
            plugins.broken.append(BrokenPlugin(origin, f"its name is taken by several: {others}"))
            continue
        try:
            # What it prints must not come among what a command prints.
            with contextlib.redirect_stdout(sys.stderr):
                module = entry_point.load()
        except (Exception, SystemExit) as error:  # Whatever a stranger's import raises, the rest must work.
            plugins.broken.append(BrokenPlugin(origin, f"{type(error).__name__}: {error}"))
            continue
        _register(plugins, module, origin)
    for module in extra:
        _register(plugins, module, PluginOrigin(module.__name__, module.__name__, "unreleased"))
    return plugins


def _register(plugins: Plugins, module: ModuleType, origin: PluginOrigin) -> None:
    manager = plugins.manager
    if manager.has_plugin(origin.plugin):
        taken = plugins.origins[origin.plugin]
        plugins.broken.append(BrokenPlugin(origin, f"its name is taken by {taken}"))
        return
    try:
        manager.register(module, name=origin.plugin)
        fault = _fault_in_hooks(manager, module)
    except (pluggy.PluginValidationError, ValueError) as error:
        fault = " ".join(str(error).split())
    if fault:
        if manager.has_plugin(origin.plugin):
            manager.unregister(name=origin.plugin)
        plugins.broken.append(BrokenPlugin(origin, fault))
        return
    plugins.origins[origin.plugin] = origin


def _fault_in_hooks(manager: pluggy.PluginManager, module: ModuleType) -> str | None:
    """Say what is wrong with a registered module's hooks: unknown, or with an argument pluggy never fills."""
    known = [name for name in vars(hookspecs) if name.startswith("cvgl_")]
    for caller in manager.get_hookcallers(module) or []:
        if not caller.has_spec():
            return f"there is no hook '{caller.name}'.{suggest(caller.name, known)}"
        for implementation in caller.get_hookimpls():
            if implementation.plugin is module and implementation.kwargnames:
                given = ", ".join(implementation.kwargnames)
                return f"{caller.name}() gives its argument {given} a default, so it would never be passed"
    return None


def _origin(entry_point: importlib.metadata.EntryPoint) -> PluginOrigin:
    distribution = entry_point.dist
    if distribution is None:
        return PluginOrigin(entry_point.name, entry_point.value, "unknown")
    return PluginOrigin(entry_point.name, distribution.name, distribution.version)


def _without_copies(
    entry_points: Iterable[importlib.metadata.EntryPoint],
) -> list[importlib.metadata.EntryPoint]:
    """Drop repeats of one distribution, which appear when its metadata is found on two paths."""
    unique = {(e.name, e.value, _origin(e).distribution): e for e in entry_points}
    return list(unique.values())
