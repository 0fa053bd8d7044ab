"""Paired tests against values worked out by hand or printed in tables."""

import doctest
from itertools import combinations
from math import comb

import numpy as np
import pytest

from cvgl_bench.scoring.statistics import paired
from cvgl_bench.scoring.statistics.paired import holm, letters, mcnemar, student_p, student_point


def test_doctests():
    found = doctest.testmod(paired)
    assert found.attempted >= 5 and found.failed == 0


@pytest.mark.parametrize("first, second", [(0, 1), (2, 8), (8, 2), (0, 12), (30, 31), (100, 140)])
def test_mcnemar_against_whole_numbers(first, second):
    count = first + second
    tail = sum(comb(count, k) for k in range(min(first, second) + 1))
    assert mcnemar(first, second) == pytest.approx(min(1, 2 * tail / 2**count), rel=1e-9)


def test_mcnemar_by_hand():
    """Of 10 discordant queries 2 favour the first: 2 (1 + 10 + 45) / 1024."""
    assert mcnemar(2, 8) == pytest.approx(112 / 1024)
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1


def test_mcnemar_of_a_whole_data_set():
    assert mcnemar(9000, 10_000) < 1e-10
    assert 0.3 < mcnemar(9950, 10_050) < 0.6


def test_mcnemar_is_uniform_enough_without_a_difference():
    generator = np.random.default_rng(0)
    p = np.array([mcnemar(first, 200 - first) for first in generator.binomial(200, 0.5, 1000)])
    assert (p < 0.05).mean() <= 0.065


@pytest.mark.parametrize(
    "degrees, point", [(1, 12.706), (2, 4.303), (5, 2.571), (30, 2.042), (120, 1.980), (1e9, 1.960)]
)
def test_student_against_the_table(degrees, point):
    assert student_point(degrees) == pytest.approx(point, abs=6e-4)
    assert student_p(student_point(degrees), degrees) == pytest.approx(0.05, rel=1e-9)
    assert student_p(-point, degrees) == student_p(point, degrees)


def test_student_of_no_difference():
    assert student_p(0.0, 3) == 1


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
