"""How a page says distances."""

from __future__ import annotations

from cvgl_bench.report.leaderboard.estimates import NO_VALUE, scale_of


def print_distance(metres: float | None) -> str:
    """Return a distance as a person says it.

    >>> [print_distance(metres) for metres in (3.21, 412, 12043, None)]
    ['3.2 m', '412 m', '12 km', '–']
    """
    if metres is None:
        return NO_VALUE
    scale, unit = scale_of(metres, "m")
    value = metres * scale
    return f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
