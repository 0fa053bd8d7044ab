"""The best references of each query so far, in the order of `Ranking.top_rows`.

A settled reference is one 64-bit key that sorts as it ranks: the higher score first, then those that
are neither truth nor covers, then covers, then the truth, then by row. Until then it is pending, with
an interval that holds its score: most are outdone before anybody needs to know it exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

SCORE_SHIFT = 32
KIND_SHIFT = 30
ROW_MASK = 2**KIND_SHIFT - 1
KIND_MASK = 3
MAGNITUDE_BITS = 0x7FFF_FFFF
EMPTY = torch.iinfo(torch.int64).max

TIE_MARGIN = 2.0**-22
"""Scores of unit rows that lie further apart than this do not round to one float32."""

OTHER, COVER, TRUTH = 0, 1, 2
"""What a reference is to a query; at equal scores the greater comes later."""


@dataclass(frozen=True, eq=False)
class Contenders:
    """References that may be among the best, sorted by line.

    lines, groups: int64 (N,). low, high: float64 (N,), bounds of the score before it is rounded.
    scores: float32 (N,), NaN where it is not known.
    """

    lines: Tensor
    groups: Tensor
    low: Tensor
    high: Tensor
    scores: Tensor


Settle = Callable[[Contenders], tuple[Tensor, Tensor, Tensor, Tensor]]
"""Returns lines, rows, scores and kinds of contenders and all their copies, sorted by line."""


def kinds(rows: Tensor, truth: Tensor, covers: Tensor) -> Tensor:
    """Return int64 (N,), what each row is to its query; truth (N,), covers (N, K)."""
    is_cover = (rows[:, None] == covers).any(dim=1)
    return torch.where(rows == truth, TRUTH, torch.where(is_cover, COVER, OTHER))


class Best:
    """The `size` best references of each of `lines` queries."""

    def __init__(self, lines: int, size: int, device: torch.device) -> None:
        self._keys = torch.full((lines, size), EMPTY, dtype=torch.int64, device=device)
        self._falls = torch.full((lines, size), torch.inf, dtype=torch.float64, device=device)
        """Lower bounds of the best scores, turned over so that they sort as the keys do."""
        self._last = _last_place(self._keys)
        self._pending: list[Contenders] = []
        self.pending_count = 0

    def offer(self, contenders: Contenders) -> None:
        """Take in references, none of them offered before."""
        _merge(self._falls, contenders.lines, -contenders.low)
        self._pending.append(contenders)
        self.pending_count += len(contenders.lines)

    def floor(self) -> Tensor:
        """Return float64 (A,): at least `size` references score so much before rounding."""
        return -self._falls[:, -1]

    def settle(self, settle: Settle) -> None:
        """Put the pending references that are not yet outdone in their places."""
        if not self._pending:
            return
        columns = (torch.cat(parts) for parts in zip(*map(_columns, self._pending), strict=True))
        lines, groups, low, high, scores = columns
        kept = (high >= self.floor()[lines] - TIE_MARGIN).nonzero()[:, 0]
        kept = kept[torch.sort(lines[kept], stable=True).indices]
        lines, rows, scores, kinds = settle(
            Contenders(lines[kept], groups[kept], low[kept], high[kept], scores[kept])
        )
        _merge(self._keys, lines, (~_ordered(scores) << SCORE_SHIFT) | (kinds << KIND_SHIFT) | rows)
        self._last = _last_place(self._keys)
        self._pending, self.pending_count = [], 0

    def last(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return score, kind and row of each line's last settled place; -inf where it is free."""
        return self._last

    def table(self) -> tuple[Tensor, Tensor]:
        """Return the settled rows int64 (A, size) and scores float32 (A, size), best first."""
        return self._keys & ROW_MASK, _scores(self._keys)


def _last_place(keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    keys = keys[:, -1]
    score = torch.where(keys == EMPTY, -torch.inf, _scores(keys))
    return score, (keys >> KIND_SHIFT) & KIND_MASK, keys & ROW_MASK


def _columns(contenders: Contenders) -> tuple[Tensor, ...]:
    return tuple(getattr(contenders, name) for name in Contenders.__dataclass_fields__)


def _merge(table: Tensor, lines: Tensor, values: Tensor) -> None:
    """Keep in each sorted line of `table` (A, k) the k least of it and the `values` given to it.

    lines: (N,), sorted.
    """
    if not len(lines):
        return
    touched, place, counts = torch.unique_consecutive(lines, return_inverse=True, return_counts=True)
    slot = torch.arange(len(lines), device=lines.device) - (counts.cumsum(0) - counts)[place]
    size = table.shape[1]
    merged = table.new_full((len(touched), size + int(counts.max())), _worst(table.dtype))
    merged[:, :size] = table[touched]
    merged[place, size + slot] = values
    table[touched] = merged.sort(dim=1).values[:, :size]


def _worst(dtype: torch.dtype) -> float | int:
    return EMPTY if dtype == torch.int64 else torch.inf


def _ordered(scores: Tensor) -> Tensor:
    """Return integers of the order of the scores (the bits of a negative float grow as it falls)."""
    bits = scores.view(torch.int32).long()
    return bits ^ ((bits >> 31) & MAGNITUDE_BITS)


def _scores(keys: Tensor) -> Tensor:
    ordered = ~(keys >> SCORE_SHIFT)
    return (ordered ^ ((ordered >> 31) & MAGNITUDE_BITS)).to(torch.int32).view(torch.float32)
