"""Which of several processes this one is, as torchrun and what sets the same variables say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cvgl_bench.foundation.errors import UsageError

NEEDED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables that must stand beside a WORLD_SIZE of more than one."""


@dataclass(frozen=True)
class Launch:
    """One of `count` processes that were started together; `local_*` counts those of this machine."""

    number: int = 0
    count: int = 1
    local_number: int = 0
    local_count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.number == 0

    def __str__(self) -> str:
        return f"RANK {self.number} of {self.count} processes"


def launched(environment: Mapping[str, str] = os.environ) -> Launch:
    """Return what the environment says; raises UsageError where it contradicts itself or lacks something."""
    count = _whole_number(environment, "WORLD_SIZE", default=1, least=1)
    if count == 1:
        return Launch()
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise UsageError(
            f"WORLD_SIZE is {count}, but these are not set: {', '.join(missing)}. "
            "Start with `torchrun --nproc-per-node N -m cvgl_bench run ...`, or unset WORLD_SIZE."
        )
    number = _whole_number(environment, "RANK", default=0, least=0)
    local_number = _whole_number(environment, "LOCAL_RANK", default=0, least=0)
    if number >= count:
        raise UsageError(f"RANK is {number}, but WORLD_SIZE is {count}: RANK goes from 0 to {count - 1}.")
    local_count = _whole_number(environment, "LOCAL_WORLD_SIZE", default=local_number + 1, least=1)
    _whole_number(environment, "MASTER_PORT", default=0, least=1)
    return Launch(number, count, local_number, local_count)


def _whole_number(environment: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"{name} is '{text}' in the environment; it must be a whole number from {least}.")
    return int(text)
