"""What a search is over, and the block of references that is at hand."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cvgl_bench.retrieval.copies import Copies
from cvgl_bench.retrieval.frame import Frame, Origin
from cvgl_bench.retrieval.precision import Operand
from cvgl_bench.retrieval.rows import Rows
from cvgl_bench.retrieval.tiles import GROUP


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

    def __len__(self) -> int:
        return len(self.rows)

    def operand(self, dtype: torch.dtype) -> Operand:
        """Return the references in the frame, in the type of a product."""
        if dtype not in self._operands:
            self._operands[dtype] = self._search.frame.references(self.rows, dtype)
        return self._operands[dtype]

    def cut(self) -> tuple[ReferenceBlock, ReferenceBlock]:
        """Return the first eighth, in whole groups of scores, and the rest."""
        start, stop = self._groups.start, self._groups.stop
        middle = start + max(len(self) // 8 // GROUP, 1) * GROUP
        return tuple(ReferenceBlock(self._search, slice(*ends)) for ends in ((start, middle), (middle, stop)))
