"""What verification found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cvgl_bench.data_tools.inspection.statistics import CityStatistics

ProblemKind = Literal["label", "geometry", "outside", "count", "missing", "image", "size", "copy", "leak"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what kind, in which file (and line), and why."""

    kind: ProblemKind
    path: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        return f"{self.path}{line}: {self.reason}"


@dataclass
class Verification:
    """Everything that verification has to say; a copy is right where there are no problems.

    m_per_px: by city, the metres of a label's pixel: measured against the coordinates in the names, and
    by the card. notes: what a person should know and that is no fault. checked: how many label lines,
    files and decoded images were looked at. cities: the numbers of each, where the labels can be read.
    """

    dataset: str
    root: str
    label_edition: str = ""
    tile_coordinate: str = ""
    m_per_px: dict[str, tuple[float, float]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)
    cities: list[CityStatistics] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def report(self, path: Path | str, line: int, reason: str) -> None:
        """Take down a faulty line of a list or label file."""
        self.add("label", path, reason, line=line)

    def add(self, kind: ProblemKind, path: Path | str, reason: str, *, line: int | None = None) -> None:
        """Take down a problem."""
        self.problems.append(Problem(kind, str(path), reason, line))
