"""Can a data set be solved without seeing the place? Probes of what should tell nothing, or little."""

from cvgl_bench.data_tools.probing.probes import Finding, PositionCode, Probes, probe

__all__ = ["Finding", "PositionCode", "Probes", "probe"]
