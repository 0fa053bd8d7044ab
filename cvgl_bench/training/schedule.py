"""The learning rate over a run: linear warm-up, then a fall of some form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Form = Literal["cosine", "poly", "step", "constant"]
"""Ways to fall, under timm's names where it has them."""


@dataclass(frozen=True)
class Schedule:
    """The factor on the peak learning rate at every step of a run.

    A function of the step alone, so that a resumed run needs no state of it; the first step of a warm-up
    is not at rate zero, which timm's schedules cannot do.
    end: what no fall goes below, as a factor. power: of `poly`. every_steps, factor: what `step` multiplies
    the rate by, and how often, the warm-up counted too.
    """

    form: Form
    warmup_steps: float
    total_steps: int
    end: float = 0.0
    power: float = 1.0
    every_steps: int = 1
    factor: float = 1.0

    def at(self, step: int) -> float:
        """Return the factor at `step` (from 0).

        cosine: half a cosine (Loshchilov and Hutter, ICLR 2017, eq. 5). poly: (1 - share passed)^power.
        """
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        if self.form == "constant":
            return 1.0
        if self.form == "step":
            return max(self.end, self.factor ** (step // self.every_steps))
        passed = min(1.0, (step - self.warmup_steps) / max(1.0, self.total_steps - self.warmup_steps))
        left = (1 - passed) ** self.power if self.form == "poly" else 0.5 * (1 + math.cos(math.pi * passed))
        return self.end + (1 - self.end) * left
