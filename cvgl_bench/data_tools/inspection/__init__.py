"""Looking at a data set: is this copy right, what is in it, and what does it look like as tables."""

from cvgl_bench.data.layouts.findings import Problem
from cvgl_bench.data_tools.inspection.export import export
from cvgl_bench.data_tools.inspection.problems import Verification
from cvgl_bench.data_tools.inspection.statistics import CityStatistics, city_statistics
from cvgl_bench.data_tools.inspection.verify import verify

__all__ = ["CityStatistics", "Problem", "Verification", "city_statistics", "export", "verify"]
