"""What counts as a change."""

from cvgl_bench.data.variants import Variant
from cvgl_bench.report.comparison import Difference
from cvgl_bench.running.sweep import Step
from cvgl_bench.scoring.results import Estimate


def test_a_change_counts_only_after_the_correction_for_all_variants():
    change = Difference("m", "overall", "a", "b", -0.1, -0.2, -0.01, "McNemar", 0.03, 0.03, 100)

    def step(change, p):
        return Step(Variant("fov", 90), None, Estimate(value=0.5, count=100), change, p)

    assert step(change, 0.04).told_apart
    assert not step(change, 0.3).told_apart
    assert not step(None, None).told_apart
