"""Paired tests against values worked out by hand or printed in tables."""

import doctest
from itertools import combinations

import numpy as np
import pytest

from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics import paired
from cvgl_bench.scoring.statistics.paired import difference_p, holm, letters, letters_of
from cvgl_bench.scoring.statistics.spatial import Dependence, Spread


def test_doctests():
    found = doctest.testmod(paired)
    assert found.attempted >= 3 and found.failed == 0


@pytest.mark.parametrize("same", [4, 6, 12])
def test_the_same_side_everywhere_is_the_sign_test(same):
    """Nothing varies between clusters: equal methods do that once in 2 to the G - 1."""
    assert difference_p(0.2, Spread(0.0, same - 1, same)) == 2.0 ** (1 - same)
    assert difference_p(0.0, Spread(0.0, same - 1, same)) == 1
    assert difference_p(0.2, Spread(0.0, 0.0, 1)) == 1, "a single cluster shows nothing"


def test_p_is_students():
    assert difference_p(2.776, Spread(1.0, 4, 5)) == pytest.approx(0.05, abs=1e-4)


@pytest.mark.parametrize("count", [5, 6, 8, 10, 14])
def test_few_discordant_queries_are_judged_as_by_mcnemars_mid_p(count):
    """Of a thousand queries `count` are found by one of two methods alone, all but one by the same one."""
    rows = np.arange(1000)
    group = Dependence(rows, np.full(1000, "a"), np.full((1000, 2), np.nan)).group(rows)
    values = np.where(rows < count, 1.0, 0.0)
    values[0] = -1
    mid_p = (2 + count) / 2**count
    assert difference_p(values.mean(), group.spread(values)) == pytest.approx(mid_p, abs=0.02)


def test_holm_keeps_order_and_stops_at_one():
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.5, 0.001, 0.02, 0.02]) == pytest.approx([0.5, 0.004, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("seed", range(30))
def test_letters_are_shared_exactly_by_what_cannot_be_told_apart(seed):
    generator = np.random.default_rng(seed)
    names = [f"m{number}" for number in range(generator.integers(1, 7))]
    apart = {pair: bool(generator.random() < 0.5) for pair in combinations(names, 2)}
    found = letters(names, apart)
    for (first, second), told_apart in apart.items():
        assert bool(set(found[first]) & set(found[second])) != told_apart
    assert found[names[0]].startswith("a")


def estimate(value, half):
    return Estimate(value=value, low=value - half, high=value + half, count=100)


def test_letters_of_intervals_alone():
    assert letters_of([estimate(0.9, 0.02), estimate(0.89, 0.02), estimate(0.5, 0.02)]) == ["a", "a", "b"]
    assert letters_of([estimate(0.9, 0.02)]) == ["a"]
    assert letters_of([estimate(0.9, 0.02), None, estimate(0.5, 0.02)]) == ["a", "ab", "b"]


def test_letters_reckon_with_few_degrees_of_freedom():
    """Intervals of the same width are made of smaller variances where there are few degrees."""
    few = {"degrees": 2.0, "standard_error": 0.1 / 4.303, "clusters": 3}
    apart = [estimate(0.6, 0.1), estimate(0.46, 0.1)]
    assert letters_of(apart) == ["a", "a"]
    assert letters_of([each.model_copy(update=few) for each in apart]) == ["a", "b"]
