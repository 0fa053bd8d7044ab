"""What counts as a change."""

from cvgl_bench.data.variants import Variant
from cvgl_bench.report.comparison import Difference, corrected
from cvgl_bench.running.sweep import Step
from cvgl_bench.scoring.results import Estimate


def test_a_change_counts_only_after_the_correction_for_all_variants():
    change = Difference("m", "overall", "a", "b", -0.1, 0.045, 50, 0.03, "weights", 100)

    def step(change):
        return Step(Variant("fov", 90), None, Estimate(value=0.5, count=100), change)

    (alone,) = corrected([change])
    assert step(alone).told_apart and alone.high < 0
    for one_of_two in corrected([change, change]):
        assert not step(one_of_two).told_apart and one_of_two.high > 0
    assert not step(None).told_apart
