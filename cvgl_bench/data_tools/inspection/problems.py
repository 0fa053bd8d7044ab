"""What verification found."""

from __future__ import annotations

from dataclasses import dataclass, field

from cvgl_bench.data.layouts.findings import Findings
from cvgl_bench.data_tools.inspection.statistics import CityStatistics


@dataclass
class Verification(Findings):
    """Everything that verification has to say; `cities` has the numbers of each that can be read."""

    cities: list[CityStatistics] = field(default_factory=list)
