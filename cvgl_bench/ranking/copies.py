"""References that occur more than once are scored once and counted as often as they occur."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Copies:
    """Rows grouped by what they hold.

    same_as: int64 (R,), for each row the first one that holds the same numbers.
    """

    def __init__(self, same_as: NDArray[np.int64]) -> None:
        self.rows = np.flatnonzero(same_as == np.arange(len(same_as)))
        """int64 (U,), the first row of each group, ascending."""
        self.counts = np.bincount(same_as, minlength=len(same_as))[self.rows]
        """int64 (U,), rows in each group."""
        self.any = len(self.rows) < len(same_as)
        self._members = np.argsort(same_as, kind="stable")
        self._starts = np.cumsum(self.counts) - self.counts

    def expand(self, groups: Tensor, limit: int) -> tuple[Tensor, Tensor]:
        """Return the first `limit` rows of each group (N,), and for each row its place in `groups`."""
        wanted = groups.numpy(force=True)
        sizes = np.minimum(self.counts[wanted], limit)
        place = np.repeat(np.arange(len(wanted)), sizes)
        step = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        rows = self._members[self._starts[wanted][place] + step]
        return torch.from_numpy(rows).to(groups.device), torch.from_numpy(place).to(groups.device)
