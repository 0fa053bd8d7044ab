import math

import pytest

from cvgl_bench.report.leaderboard.estimates import (
    over_seeds,
    print_estimate,
    print_value,
    seed_deviation,
)
from cvgl_bench.scoring.results import Estimate


def estimates(*values, half=0.0, count=100):
    return [Estimate(value=v, low=v - half, high=v + half, count=count) for v in values]


def test_one_seed_keeps_its_own_interval():
    only = Estimate(value=0.5, low=0.42, high=0.6, count=10)
    assert over_seeds([only], unit="%") is only


def test_without_sampling_error_the_interval_is_student_t():
    found = over_seeds(estimates(11.0, 12.0, 13.0), unit="m")
    half = 4.30265 * 1.0 / math.sqrt(3)
    assert found.value == 12.0
    assert (found.low, found.high) == pytest.approx((12.0 - half, 12.0 + half))


def test_equal_seeds_keep_the_sampling_error():
    found = over_seeds(estimates(0.5, 0.5, 0.5, half=0.04), unit="%")
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.46, 0.54))


def test_both_errors_add_in_quadrature():
    found = over_seeds(estimates(4.0, 6.0, half=3.0), unit="")
    half = math.hypot(12.706205 * math.sqrt(2) / math.sqrt(2), 3.0)
    assert found.high - found.value == pytest.approx(half)
    assert found.value - found.low == pytest.approx(half)


def test_distances_stay_distances_and_signed_metres_need_not():
    assert over_seeds(estimates(1.0, 100.0), unit="m").low == 0.0
    assert over_seeds(estimates(-1.0, 100.0), unit="m").low < -1.0


def test_shares_stay_shares_and_metres_need_not():
    assert over_seeds(estimates(0.01, 0.99), unit="%").low == 0.0
    assert over_seeds(estimates(0.01, 0.99), unit="%").high == 1.0
    assert over_seeds(estimates(0.01, 0.99), unit="m").high > 1.0


def test_a_value_missing_from_one_seed_is_missing():
    some = [*estimates(0.5), Estimate(value=None, count=3)]
    assert over_seeds(some, unit="%") == Estimate(value=None, count=3)


def test_an_interval_missing_from_a_run_counts_as_no_sampling_error():
    runs = [Estimate(value=2.0, count=1), Estimate(value=2.0, count=1)]
    found = over_seeds(runs, unit="m")
    assert (found.low, found.high) == (2.0, 2.0)


@pytest.mark.parametrize("seeds, point", [(2, 12.706), (4, 3.182), (50, 2.010)])
def test_the_interval_over_seeds_is_that_of_student(seeds, point):
    runs = estimates(*([0.0, 1.0] * (seeds // 2)))
    found = over_seeds(runs, unit="m")
    expected = point * seed_deviation(runs) / math.sqrt(seeds)
    assert found.high - 0.5 == pytest.approx(expected, rel=5e-4)


def test_deviation_needs_two_values():
    assert seed_deviation(estimates(0.5)) is None
    assert seed_deviation(estimates(1.0, 3.0)) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.77864, "%", "77.86"),
        (1.0, "%", "100.00"),
        (12.345, "m", "12.3"),
        (11225953.7, "m", "11,225,954"),
        (1234.5678, "", "1235"),
        (None, "%", "–"),
    ],
)
def test_values_are_printed_by_unit(value, unit, text):
    assert print_value(value, unit) == text


def test_an_estimate_is_printed_with_its_interval():
    assert print_estimate(Estimate(value=0.5, low=0.25, high=1, count=9), "%") == "50.00 [25.00, 100.00]"
    assert print_estimate(Estimate(value=7.25, count=9), "m") == "7.2"
    assert print_estimate(Estimate(value=None, count=0), "%") == "–"
    assert print_estimate(None, "%") == "–"
