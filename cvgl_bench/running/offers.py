"""What a run needs of the plugins that are installed; `cvgl_bench.plugins.Plugins` gives it."""

from __future__ import annotations

from typing import Any, Protocol

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts.layout import Layout
from cvgl_bench.foundation.registry import Registry
from cvgl_bench.method import Method
from cvgl_bench.scoring.metrics import Metric


class Offers(Protocol):
    """Methods, data sets, layouts and metrics by name, and the hooks that are told of events."""

    @property
    def methods(self) -> Registry[type[Method]]:
        """Methods by name."""

    @property
    def datasets(self) -> Registry[Dataset]:
        """Data sets by name."""

    @property
    def layouts(self) -> Registry[Layout]:
        """On-disk layouts by name."""

    @property
    def metrics(self) -> Registry[Metric]:
        """Metrics by id."""

    @property
    def hook(self) -> Any:
        """The hooks of `cvgl_bench.hookspecs`, to call events on."""

    def method(self, name: str) -> type[Method]:
        """Return a method's class, or raise UnknownNameError."""
