"""A benchmark harness that makes cross-view geo-localization methods comparable.

What is named here is for authors of plugins and for notebooks; each name is imported when it is first asked
for, since most need torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cvgl_bench.api import embed, evaluate, load_run, load_split, read_outcome
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data.layouts.layout import Layout
    from cvgl_bench.foundation.options import option
    from cvgl_bench.hookspecs import hookimpl
    from cvgl_bench.method import Context, Method, Pair, PairMethod, ParameterGroup, TrainableMethod
    from cvgl_bench.scoring.arrays import score
    from cvgl_bench.scoring.metrics import Metric
    from cvgl_bench.scoring.statistics import summarise

__all__ = [
    "Context",
    "Dataset",
    "Layout",
    "Method",
    "Metric",
    "Pair",
    "PairMethod",
    "ParameterGroup",
    "TrainableMethod",
    "__version__",
    "embed",
    "evaluate",
    "hookimpl",
    "load_run",
    "load_split",
    "option",
    "read_outcome",
    "score",
    "summarise",
]

__version__ = "0.1.0"

_MODULES = {
    "cvgl_bench.api": ("embed", "evaluate", "load_run", "load_split", "read_outcome"),
    "cvgl_bench.data.dataset": ("Dataset",),
    "cvgl_bench.data.layouts.layout": ("Layout",),
    "cvgl_bench.foundation.options": ("option",),
    "cvgl_bench.hookspecs": ("hookimpl",),
    "cvgl_bench.method": ("Context", "Method", "Pair", "PairMethod", "ParameterGroup", "TrainableMethod"),
    "cvgl_bench.scoring.arrays": ("score",),
    "cvgl_bench.scoring.metrics": ("Metric",),
    "cvgl_bench.scoring.statistics": ("summarise",),
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(module), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
