"""How values and estimates are printed."""

import pytest

from cvgl_bench.report.leaderboard.estimates import print_estimate, print_value
from cvgl_bench.scoring.results import Estimate


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.77864, "%", "77.86"),
        (1.0, "%", "100.00"),
        (12.345, "m", "12.3"),
        (9999.4, "m", "9,999"),
        (10000.0, "m", "10.0 km"),
        (11225953.7, "m", "11,226 km"),
        (1234.5678, "", "1235"),
        (None, "%", "–"),
    ],
)
def test_values_are_printed_by_unit(value, unit, text):
    assert print_value(value, unit) == text


def test_an_estimate_is_printed_with_its_interval():
    assert print_estimate(Estimate(value=0.5, low=0.25, high=1, count=9), "%") == "50.00 [25.00, 100.00]"
    assert print_estimate(Estimate(value=7.25, count=9), "m") == "7.2"
    far = Estimate(value=9574683.7, low=9000.0, high=11225824.2, count=9)
    assert print_estimate(far, "m") == "9,575 [9.0, 11,226] km"
    assert print_estimate(Estimate(value=None, count=0), "%") == "–"
    assert print_estimate(None, "%") == "–"
