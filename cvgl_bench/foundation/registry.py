"""Names to things, each with the plugin that offers it; a name resolves or is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cvgl_bench.foundation.errors import PluginError, UnknownNameError, suggest

Thing = TypeVar("Thing")

NAME = re.compile(r"\w[\w@%+.-]*")
"""Names become file names and command-line words: no spaces or separators, no leading dot or dash."""


@dataclass(frozen=True)
class PluginOrigin:
    """Who offers a thing: the plugin's name, its distribution and version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Offer(Generic[Thing]):
    """A registered thing and its origin."""

    thing: Thing
    origin: PluginOrigin


class Registry(Generic[Thing]):
    """Things of one kind by name.

    missing: what could not be loaded and might have offered an unknown name; named when one is asked for.
    """

    def __init__(self, kind: str, *, missing: Sequence[object] = ()) -> None:
        self.kind = kind
        self.missing = missing
        self._entries: dict[str, Offer[Thing]] = {}

    def add(self, name: str, thing: Thing, origin: PluginOrigin) -> None:
        """Register `thing`; a name offered twice, or unfit for a file, raises PluginError naming who did."""
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise PluginError(
                f"Plugin '{origin.plugin}' ({origin}) offers a {self.kind} called {name!r}; a name starts "
                "with a letter or digit and holds no spaces or slashes."
            )
        if name in self._entries:
            first = self._entries[name].origin
            raise PluginError(
                f"The {self.kind} '{name}' is offered twice, by {first} (plugin '{first.plugin}') and by "
                f"{origin} (plugin '{origin.plugin}'); uninstall one of them or rename its {self.kind}."
            )
        self._entries[name] = Offer(thing, origin)

    def entry(self, name: str) -> Offer[Thing]:
        """Return the entry called `name`, or raise UnknownNameError with a suggestion and the list."""
        if name in self._entries:
            return self._entries[name]
        offers = ", ".join(f"{known} ({entry.origin.distribution})" for known, entry in self) or "none"
        message = f"There is no {self.kind} '{name}'.{suggest(name, self._entries)} Known: {offers}."
        raise UnknownNameError(" ".join([message, *map(str, self.missing)]))

    def __getitem__(self, name: str) -> Thing:
        return self.entry(name).thing

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[tuple[str, Offer[Thing]]]:
        return iter(sorted(self._entries.items()))

    def __len__(self) -> int:
        return len(self._entries)
