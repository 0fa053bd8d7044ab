"""Student's t and the normal distribution, as far as intervals and tests need them."""

from __future__ import annotations

# Not from scipy.stats, whose import takes as long as that of everything else here.
from scipy.special import stdtr, stdtrit

CONFIDENCE = 0.95
NORMAL_POINT = 1.959963984540054
"""Two-sided 95 % point of the normal distribution."""

MANY_DEGREES = 1e6
"""Degrees of freedom of an interval that does not say how many it has: Student's point is the normal one."""


def student_p(t: float, degrees: float) -> float:
    """Return P(|T| >= |t|) of Student's t with `degrees` > 0 degrees of freedom.

    >>> round(student_p(2.776, 4), 4)
    0.05
    """
    return float(2 * stdtr(degrees, -abs(t)))


def student_point(degrees: float, level: float = 1 - CONFIDENCE) -> float:
    """Return the point that |T| exceeds with probability `level`, 5 % by default.

    >>> round(student_point(4), 3)
    2.776
    """
    return float(-stdtrit(degrees, level / 2))
