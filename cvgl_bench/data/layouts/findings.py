"""What a check of a data set finds, and the image files that its lists name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from cvgl_bench.method import View

ProblemKind = Literal["label", "geometry", "outside", "count", "missing", "image", "size", "copy", "leak"]


class Listed(NamedTuple):
    """An image file, relative to the root, what it shows, and the line that names it."""

    path: str
    view: View
    source: str
    line: int


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
class Findings:
    """Everything that a check has to say; a copy is right where there are no problems.

    m_per_px: by city, the metres of a label's pixel: measured against the coordinates in the names, and
    by the card. notes: what a person should know and that is no fault. checked: how many label lines,
    files and decoded images were looked at.
    """

    dataset: str
    root: str
    label_edition: str = ""
    tile_coordinate: str = ""
    m_per_px: dict[str, tuple[float, float]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

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
