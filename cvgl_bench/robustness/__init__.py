"""How much of a result is left when the queries are turned, narrowed or spoilt."""

from cvgl_bench.robustness.sweep import Step, Sweep, sweep

__all__ = ["Step", "Sweep", "sweep"]
