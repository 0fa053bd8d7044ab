"""Tests of paired differences: exact McNemar, Student's t; Holm; letter groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# Not from scipy.stats, whose import takes as long as that of everything else here.
from scipy.special import bdtr, stdtr, stdtrit

from cvgl_bench.scoring.statistics.intervals import CONFIDENCE


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    Under equal success the queries that only one of two methods gets right fall to either with
    probability 1/2. Queries are taken as independent.

    first_only, second_only: numbers of queries that only the first, only the second gets right.
    Source: Q. McNemar, Psychometrika 12, 1947, in the exact binomial form.

    >>> round(mcnemar(1, 8), 6)
    0.039062
    """
    return float(min(1.0, 2 * bdtr(min(first_only, second_only), first_only + second_only, 0.5)))


def student_p(t: float, degrees: float) -> float:
    """Return P(|T| >= |t|) of Student's t with `degrees` > 0 degrees of freedom.

    >>> round(student_p(2.776, 4), 4)
    0.05
    """
    return float(2 * stdtr(degrees, -abs(t)))


def student_point(degrees: float) -> float:
    """Return the two-sided 95 % point of Student's t.

    >>> round(student_point(4), 3)
    2.776
    """
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values)[order] * factors))
    return adjusted.tolist()


def letters(names: Sequence[str], told_apart: Mapping[tuple[str, str], bool]) -> dict[str, str]:
    """Return each name's letters: two names share one exactly where they cannot be told apart.

    names: best first, so that 'a' is the group of the best; told_apart: by pair, in either order.
    Source: H.-P. Piepho, An algorithm for a letter-based representation of all-pairwise comparisons,
    2004 (insert and absorb).

    >>> letters(["x", "y", "z"], {("x", "y"): False, ("x", "z"): True, ("y", "z"): False})
    {'x': 'a', 'y': 'ab', 'z': 'b'}
    """
    groups = [frozenset(names)]
    for (first, second), apart in told_apart.items():
        if not apart:
            continue
        split = []
        for group in groups:
            both = {first, second} <= group
            split += [group - {first}, group - {second}] if both else [group]
        groups = [g for g in dict.fromkeys(split) if not any(g < other for other in split)]
    place = {name: number for number, name in enumerate(names)}
    groups.sort(key=lambda group: sorted(place[name] for name in group))
    return {
        name: "".join(_letter(number) for number, group in enumerate(groups) if name in group)
        for name in names
    }


def _letter(number: int) -> str:
    """Return a to z, then A to Z, then a number in brackets."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return alphabet[number] if number < len(alphabet) else f"({number + 1})"
