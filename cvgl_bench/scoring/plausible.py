"""What a record from somebody else may not say, whatever its form: numbers and names that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MOST_DEPTH = 20
"""Levels of a record; ours have seven."""
ROUNDING = 1e-9
BIN = re.compile(r"(\d+\.\d+(?:e-\d+)?)-(\d+\.\d+(?:e-\d+)?)")
HASH = re.compile(r"[0-9a-f]{0,64}")
SEEDS = (("training", "seed"), ("method", "seed"))


def is_too_deep(data: Any) -> bool:
    """Return whether plain values lie deeper in one another than any record's."""
    level = [data]
    for _ in range(MOST_DEPTH):
        values = [one.values() if isinstance(one, dict) else one for one in level]
        level = [inner for one in values for inner in one if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def implausible(record: Mapping[str, Any]) -> str | None:
    """Return the field of a record, as `Result` dumps it, that cannot be, and why, or None."""
    from cvgl_bench.scoring.metrics import METRICS

    units = record["units"] | {metric.id: metric.unit for metric in METRICS}
    for stratum, bin, table in _tables(record["metrics"]):
        edges = bin and BIN.fullmatch(bin)
        if bin is not None and not (edges and float(edges[1]) < float(edges[2])):
            return f"metrics.{stratum}: '{bin}' is no bin of decentralities, such as '0.2-0.4'"
        for id, estimate in table.items():
            reason = _fault_in(estimate["value"], estimate["low"], estimate["high"], units.get(id, ""))
            if reason:
                return f"metrics.{stratum}.{id}: {reason}"
    task = record["task"]
    hashes = (task["fingerprint"], task["train_fingerprint"], record["checkpoint_sha256"] or "")
    if not all(map(HASH.fullmatch, hashes)):
        return "a fingerprint or checkpoint_sha256 is no hash in hexadecimal digits"
    for section, name in SEEDS:
        options = record["options"].get(section)
        seed = options.get(name) if isinstance(options, Mapping) else None
        if seed is not None and type(seed) is not int:
            return f"options.{section}.{name}: {seed!r:.40} is no whole number"
    return None


def _tables(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    """Yield every stratum, the bin of decentralities that it is or None, and its estimates."""
    yield "overall", None, metrics["overall"]
    for bin, table in metrics["by_decentrality"].items():
        yield f"by_decentrality.{bin}", bin, table
    for bin, table in metrics["by_border"].items():
        yield f"by_border.{bin}", None, table
    for city, table in metrics["by_city"].items():
        yield f"by_city.{city}", None, table
    for city, bins in metrics["by_city_and_decentrality"].items():
        for bin, table in bins.items():
            yield f"by_city_and_decentrality.{city}.{bin}", bin, table


def _fault_in(value: float | None, low: float | None, high: float | None, unit: str) -> str | None:
    if (low is None) != (high is None) or (value is None and low is not None):
        return "an interval has a value and both ends"
    if value is not None and low is not None and high is not None:
        if not low - ROUNDING <= value <= high + ROUNDING:
            return f"the value {value:g} is not within its interval from {low:g} to {high:g}"
    for number in (value, low, high):
        if unit == "%" and number is not None and not -ROUNDING <= number <= 1 + ROUNDING:
            return f"{number:g} is no share; shares lie between 0 and 1"
    return None
