"""One estimate from several seeds."""

import math

import pytest

from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.seeds import over_seeds, seed_deviation
from cvgl_bench.scoring.statistics.spatial import Spread
from cvgl_bench.scoring.statistics.student import student_point


def estimates(*values, half=0.0, count=100):
    """Return estimates as records of version 0.1 hold them: intervals without what they were made from."""
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
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.46, 0.54), abs=3e-4)


def test_the_variances_add_and_so_do_their_degrees():
    runs = [
        Estimate(value=v, low=v - 1, high=v + 1, count=100, standard_error=0.5, degrees=50.0, clusters=51)
        for v in (4.0, 6.0)
    ]
    found = over_seeds(runs, unit="")
    variance = 0.25 + 2 / 2
    degrees = variance**2 / (0.25**2 / 50 + 1.0)
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    assert found.degrees == pytest.approx(degrees) and found.clusters == 51
    reach = 1 / (0.5 * student_point(50))  # the runs' intervals reach exactly as far as they record
    half = student_point(degrees) * math.sqrt(1 + 0.25 * reach**2)
    assert (found.low, found.high) == pytest.approx((5 - half, 5 + half))


def test_a_known_spread_of_the_mean_takes_the_place_of_its_bound():
    runs = estimates(0.5, 0.5, 0.5, half=0.04)
    closer = over_seeds(runs, unit="%", spread=Spread(0.01**2, degrees=1e6, cluster_count=100))
    assert closer.high - closer.low == pytest.approx(2 * 1.96 * 0.01, rel=1e-2)
    assert over_seeds(runs, unit="%").high > closer.high


def test_an_interval_that_reaches_farther_above_does_so_over_seeds_too():
    """As those of medians do beside a gap."""
    runs = [Estimate(value=v, low=v - 1, high=v + 9, count=100) for v in (10.0, 10.1, 10.2)]
    found = over_seeds(runs, unit="m")
    assert found.value - found.low < 3 and found.high - found.value > 8


def test_distances_stay_distances_and_signed_metres_need_not():
    assert over_seeds(estimates(1.0, 100.0), unit="m").low == 0.0
    assert over_seeds(estimates(-1.0, 100.0), unit="m").low < -1.0


def test_shares_stay_shares_and_metres_need_not():
    assert 0 <= over_seeds(estimates(0.01, 0.99), unit="%").low < 0.02
    assert 0.98 < over_seeds(estimates(0.01, 0.99), unit="%").high <= 1
    assert over_seeds(estimates(0.01, 0.99), unit="m").high > 1.0


def test_a_value_missing_from_one_seed_is_missing():
    some = [*estimates(0.5), Estimate(value=None, count=3)]
    assert over_seeds(some, unit="%") == Estimate(value=None, count=3)


def test_an_interval_missing_from_a_run_is_missing():
    """A single tile shows no sampling error, and that is not none."""
    runs = [Estimate(value=2.0, count=1), Estimate(value=2.0, count=1)]
    found = over_seeds(runs, unit="m")
    assert (found.value, found.low, found.high) == (2.0, None, None)


@pytest.mark.parametrize("seeds, point", [(2, 12.706), (4, 3.182), (50, 2.010)])
def test_the_interval_over_seeds_is_that_of_student(seeds, point):
    runs = estimates(*([0.0, 1.0] * (seeds // 2)))
    found = over_seeds(runs, unit="m")
    expected = point * seed_deviation(runs) / math.sqrt(seeds)
    assert found.high - 0.5 == pytest.approx(expected, rel=5e-4)


def test_deviation_needs_two_values():
    assert seed_deviation(estimates(0.5)) is None
    assert seed_deviation(estimates(1.0, 3.0)) == pytest.approx(math.sqrt(2))
