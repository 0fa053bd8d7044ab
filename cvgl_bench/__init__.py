"""A benchmark harness that makes cross-view geo-localization methods comparable."""

from cvgl_bench.hookspecs import hookimpl

__all__ = ["__version__", "hookimpl"]

__version__ = "0.1.0"
