"""What a page is made of: runs with what is left of their training and of the data they were tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cvgl_bench.report.run_groups import ComparedRun

if TYPE_CHECKING:
    import pandas as pd

    from cvgl_bench.data.splits import Split
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.scoring.results import Result


@dataclass(frozen=True, eq=False)
class ReportedRun:
    """A run as a page shows it.

    name: what the page calls it. split: the test split with its queries seen as they were, None where the
        data are not at hand; missing: why, as a sentence.
    command: what repeats the run, empty where its folder does not say.
    losses: a row an epoch, steps: a row every few steps, as the run wrote them; None where it did not.
    """

    name: str
    run: ComparedRun
    split: Split | None = None
    missing: str = ""
    command: str = ""
    losses: pd.DataFrame | None = None
    steps: pd.DataFrame | None = None

    @property
    def outcome(self) -> Outcome:
        """What came out for each query."""
        return self.run.outcome

    @property
    def result(self) -> Result:
        """The record of the run."""
        return self.run.result
