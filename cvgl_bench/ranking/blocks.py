"""What a search is over, and the block of references that is at hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cvgl_bench.ranking.copies import Copies
from cvgl_bench.ranking.frame import Frame, Origin
from cvgl_bench.ranking.precision import Operand
from cvgl_bench.ranking.rows import Rows, slices
from cvgl_bench.ranking.supports import support
from cvgl_bench.ranking.tiles import GROUP


@dataclass(frozen=True, eq=False)
class Search:
    """What is the same for all queries.

    references: all of them; copies: which of them are equal. frame: what products are taken about.
    top: how many of the best are kept. lines: queries in a tile. dtype: the type tried first.
    """

    references: Rows
    copies: Copies
    frame: Frame | Origin
    top: int
    lines: int
    dtype: torch.dtype


class ReferenceBlock:
    """Distinct references at hand: `rows` float32 (B, D), one for each of the groups of copies `groups`."""

    def __init__(self, search: Search, groups: slice) -> None:
        copies = search.copies
        self.rows = search.references.take(copies.rows[groups] if copies.any else groups)
        self.counts = torch.from_numpy(copies.counts[groups]).to(self.rows.device) if copies.any else None
        """int64 (B,), how many references each row stands for; None where each is one."""
        self.first = groups.start
        self.first_row = int(copies.rows[groups.start])
        self._search, self._groups = search, groups
        self._operands: dict[torch.dtype, Operand] = {}
        self._support: Tensor | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.rows)

    def operand(self, dtype: torch.dtype) -> Operand:
        """Return the references in the frame, in the type of a product."""
        with self._lock:
            if dtype not in self._operands:
                self._operands[dtype] = self._search.frame.references(self.rows, dtype)
            return self._operands[dtype]

    def support(self) -> Tensor:
        """Return where the references are other than zero, in the type tried first."""
        with self._lock:
            if self._support is None:
                self._support = support(self.rows, self._search.dtype)
            return self._support

    def cut(self) -> tuple[ReferenceBlock, ReferenceBlock]:
        """Return the first eighth, in whole groups of scores, and the rest."""
        start, stop = self._groups.start, self._groups.stop
        middle = start + max(len(self) // 8 // GROUP, 1) * GROUP
        return tuple(ReferenceBlock(self._search, slice(*ends)) for ends in ((start, middle), (middle, stop)))


class Blocks:
    """All references of a search in blocks of `size`; workers that pass them at one pace share the work."""

    def __init__(self, search: Search, size: int, workers: int) -> None:
        self._search, self._size, self._most = search, size, workers
        self._kept: dict[int, ReferenceBlock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of distinct references."""
        return len(self._search.copies.rows)

    def __iter__(self) -> Iterator[ReferenceBlock]:
        return map(self._block, slices(len(self), self._size))

    def _block(self, groups: slice) -> ReferenceBlock:
        with self._lock:
            if groups.start not in self._kept:
                if len(self._kept) == self._most:
                    del self._kept[next(iter(self._kept))]  # the oldest
                self._kept[groups.start] = ReferenceBlock(self._search, groups)
            return self._kept[groups.start]
