"""The conformance suite that plugins run on their own methods, data sets, layouts and metrics.

One line in a test does it: `check_method(MyMethod, MyOptions(backbone="small"))`. Every check raises
AssertionError saying what the contract asks for and what was found.
"""

from cvgl_bench.testing.datasets import check_dataset
from cvgl_bench.testing.layouts import check_layout
from cvgl_bench.testing.methods import check_method, loss_terms
from cvgl_bench.testing.metrics import check_metric

__all__ = ["check_dataset", "check_layout", "check_method", "check_metric", "loss_terms"]
