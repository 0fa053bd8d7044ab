"""Can a data set be solved without seeing the place? Probes of what should tell nothing, or little."""

from cvgl_bench.data_tools.probing.positions import PositionCode
from cvgl_bench.data_tools.probing.probes import Finding, Probes, probe

__all__ = ["Finding", "PositionCode", "Probes", "probe"]
