"""The learning rate over a run: linear warm-up, then half a cosine down to zero."""

from __future__ import annotations

import math


def warmup_cosine(step: int, *, warmup_steps: float, total_steps: int) -> float:
    """Return the factor on the peak learning rate at `step` (from 0)."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    done = (step - warmup_steps) / max(1.0, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
