"""Tests of differences: Student's t, Holm's correction for many of them, letter groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from cvgl_bench.scoring.results import Estimate
from cvgl_bench.scoring.statistics.spatial import Spread
from cvgl_bench.scoring.statistics.student import CONFIDENCE, MANY_DEGREES, student_p, student_point


def difference_p(value: float, spread: Spread) -> float:
    """Return the two-sided p-value of a difference that would be 0 if there were none.

    Where no cluster varies, every one of them speaks for the same side, and equal methods would do that once
    in 2^(G - 1); a single cluster shows nothing, p = 1.

    >>> difference_p(0.1, Spread(variance=0.0, degrees=5, cluster_count=6))
    0.03125
    """
    if not spread.degrees or value == 0:
        return 1.0
    if spread.variance == 0:
        return float(2.0 ** (1 - spread.cluster_count))
    return student_p(value / np.sqrt(spread.variance), spread.degrees)


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


def letters_of(estimates: Sequence[Estimate | None], significance: float = 1 - CONFIDENCE) -> list[str]:
    """Return the letters of estimates, best first, from their intervals alone.

    As if each came from queries of its own: on the same queries methods succeed together, so that this tells
    less apart than a paired comparison, and nothing falsely. A missing estimate shares every letter.
    """
    names = [str(number) for number in range(len(estimates))]
    pairs = list(combinations(range(len(estimates)), 2))
    p_values = holm([_unpaired_p(estimates[first], estimates[second]) for first, second in pairs])
    apart = {
        (names[first], names[second]): p < significance
        for (first, second), p in zip(pairs, p_values, strict=True)
    }
    found = letters(names, apart)
    return [found[name] for name in names]


def _unpaired_p(first: Estimate | None, second: Estimate | None) -> float:
    """Return the p-value of a difference, with variances that would give intervals of the same width."""
    variance = spare = 0.0
    for each in (first, second):
        if each is None or each.value is None or each.low is None or each.high is None:
            return 1.0
        degrees = each.degrees or MANY_DEGREES
        part = ((each.high - each.low) / (2 * student_point(degrees))) ** 2
        variance, spare = variance + part, spare + part**2 / degrees
    assert first is not None and second is not None and first.value is not None and second.value is not None
    if not variance:
        return 1.0 if first.value == second.value else 0.0
    return student_p((first.value - second.value) / variance**0.5, variance**2 / spare)


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
