"""A section of the queries that meets all references block by block."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvgl_bench.ranking import best, supports, tiles
from cvgl_bench.ranking.blocks import ReferenceBlock, Search
from cvgl_bench.ranking.precision import Operand, product_bound, split_product
from cvgl_bench.ranking.rows import Rows, slices
from cvgl_bench.ranking.scores import float64_bound, pair_scores

FINER = {torch.bfloat16: torch.float32, torch.float16: torch.float32, torch.float32: torch.float64}

OPEN_SHARE = {torch.bfloat16: 1 / 256, torch.float16: 1 / 256, torch.float32: 1 / 64, torch.float64: 1 / 64}
"""Share of a tile that is scored again one by one; with more, the next finer way is the cheaper one."""

LEAST_SCORE = -2.0
"""Below the score of any two unit rows."""

OPEN_LEAST = 4096
"""So many scores of a tile may be scored again however small it is."""

CONTENDERS_PER_PLACE = 4
"""So many contenders for each place among the best are no reason to take a finer type."""

LISTED_SHARE = 0.5
"""With a greater share of contenders for the top a tile is cut in two: the first piece settles most."""

CUT_LEAST = tiles.GROUP
"""A tile of so few references is not cut."""

PENDING_PER_LINE = 64
"""With more contenders waiting they are settled, so that ties cannot pile up."""

SPLIT_SHARE = 1 / 4096
"""With a greater share undecided it pays to add up a product in SPLITS parts, whose bound is tighter."""

SPLITS = 8

PROBED, PROBED_REFERENCES = 64, 1024
"""So much of a part's first tile is tried before a type is taken for all of it."""

AT_ONCE = {"cpu": 1024, "cuda": 65536}
"""References read at a time to be scored with a query of their own."""


class Section:
    """Queries on their way through the references, with what is known of each so far."""

    def __init__(
        self, queries: Tensor, search: Search, truth: NDArray[np.int64], covers: NDArray[np.int64]
    ) -> None:
        device = queries.device
        self._queries, self._search = queries, search
        self._truth, self._covers = (torch.from_numpy(rows).to(device) for rows in (truth, covers))
        self._truth_scores = _scores_of(queries, search.references, truth)
        self._above_covers = _covers_above(queries, search.references, truth, covers, self._truth_scores)
        self._rank, self._ties = (torch.zeros(len(queries), dtype=torch.int64, device=device) for _ in "12")
        parts = -(-len(queries) // search.lines)
        self._parts = list(slices(len(queries), -(-len(queries) // parts)))
        self._shifts = [search.frame.shift(queries[part]) for part in self._parts]
        self._best = [best.Best(part.stop - part.start, search.top, device) for part in self._parts]
        self._dtypes = [search.dtype] * len(self._parts)
        self._splits = [1] * len(self._parts)
        self._by_support = [False] * len(self._parts)
        """Whether pairs that share no dimension are counted by themselves."""
        self._operands: dict[tuple[int, torch.dtype], Operand] = {}
        self._supports: dict[int, Tensor] = {}
        self._buffers: dict[torch.dtype, Tensor] = {}

    def meet(self, block: ReferenceBlock) -> None:
        """Compare all queries of the section with a block of references."""
        for number in range(len(self._parts)):
            if block.first == 0:
                self._probe(number, block)
            self._meet(number, block)

    def finish(self) -> tuple[NDArray, ...]:
        """Return the columns of a Ranking; the truth is not its own rival."""
        for number in range(len(self._parts)):
            self._settle(number)
        rank = self._rank - 1
        top = (torch.cat(column) for column in zip(*(each.table() for each in self._best), strict=True))
        columns = (rank, self._ties - 1, rank - self._above_covers, *top)
        return tuple(column.numpy(force=True) for column in columns)

    def _probe(self, number: int, block: ReferenceBlock) -> None:
        """Take for a part of the queries the first way that settles a few of them against a block."""
        part = self._parts[number]
        few = slice(None, None, -(-(part.stop - part.start) // PROBED))
        queries, references = self._queries[part][few], block.rows[:PROBED_REFERENCES]
        target, shift = self._truth_scores[part][few], self._shifts[number][few]
        least = OPEN_LEAST / ((part.stop - part.start) * len(block))
        here, there = (supports.support(rows, self._search.dtype) for rows in (queries, references))
        while (dtype := self._dtypes[number]) in FINER:
            allowed = max(OPEN_SHARE[dtype], least)
            left = self._search.frame.queries(queries, dtype)
            right = self._search.frame.references(references, dtype)
            limits = tiles.limits_around(target, shift, self._bound(left, right, splits=1), dtype)
            scores = tiles.in_order(self._product(left.values, right.values, splits=1))
            share = tiles.open_share(scores, limits)
            if share > allowed:
                scores.masked_fill_(supports.apart(here, there), tiles.lowest(dtype))
                share = tiles.open_share(scores, limits)
                self._by_support[number] = share <= allowed
            if share <= allowed:
                self._splits[number] = SPLITS if dtype == torch.float32 and share > SPLIT_SHARE else 1
                return
            self._dtypes[number] = FINER[dtype]

    def _bound(self, queries: Operand, references: Operand, splits: int) -> Tensor:
        return product_bound(queries, references, splits) + 2 * float64_bound(self._queries.shape[1])

    def _meet(self, number: int, block: ReferenceBlock, *, counted: bool = False) -> None:
        """Compare a part of the queries with a block; `counted`: but for pairs that share no dimension."""
        dtype, splits = self._dtypes[number], self._splits[number]
        queries, references = self._operand(number, dtype), block.operand(dtype)
        bound = self._bound(queries, references, splits)
        mask = self._apart(number, block) if self._by_support[number] else None
        scores = tiles.in_order(self._product(queries.values, references.values, splits))
        if mask is not None:
            scores.masked_fill_(mask, tiles.lowest(dtype))
            if not counted:
                self._count_apart(number, block, mask)
        self._take(number, block, scores, bound)

    def _apart(self, number: int, block: ReferenceBlock) -> Tensor:
        dtype = self._search.dtype
        if number not in self._supports:
            self._supports[number] = supports.support(self._queries[self._parts[number]], dtype)
        here = self._supports[number]
        return supports.apart(here, block.support(), out=self._buffer(dtype, len(here), len(block)))

    def _count_apart(self, number: int, block: ReferenceBlock, mask: Tensor) -> None:
        """Take in the pairs of a mask (A, B), which score 0."""
        part, each = self._parts[number], self._best[number]
        target, count = self._truth_scores[part], tiles.count(mask, block.counts)
        self._rank[part] += count * (target <= 0)
        self._ties[part] += count * (target == 0)
        rivals = (each.floor() <= best.TIE_MARGIN).nonzero()[:, 0]
        places, columns = supports.first_of_each_line(mask[rivals], self._ties_to_know)
        zeros = torch.zeros(len(places), dtype=torch.float64, device=mask.device)
        each.offer(
            best.Contenders(rivals[places], columns + block.first, zeros, zeros.clone(), zeros.float())
        )

    def _take(self, number: int, block: ReferenceBlock, scores: Tensor, bound: Tensor) -> None:
        """Take in the scores (A, B), in order, of a part of the queries and a block."""
        part, dtype, shift = self._parts[number], self._dtypes[number], self._shifts[number]
        entry = self._entry(number, block, scores, bound, dtype)
        if self._by_support[number]:
            entry = entry.clamp(min=tiles.lowest(dtype, LEAST_SCORE))
        limits = tiles.limits_around(self._truth_scores[part], shift, bound, dtype)
        most = LISTED_SHARE if len(block) > CUT_LEAST else 1.0
        found = tiles.scan(scores, limits, entry, block.counts, most)
        if found is None:
            first, rest = block.cut()
            way = dtype, self._by_support[number]
            for piece, columns in ((first, slice(len(first))), (rest, slice(len(first), None))):
                if (self._dtypes[number], self._by_support[number]) == way:
                    self._take(number, piece, scores[:, columns].contiguous(), bound)
                else:
                    self._meet(number, piece, counted=way[1])
            return
        sure = tiles.intervals(found, shift, bound, dtype)
        undecided = int((found.undecided & sure.scores.isnan()).sum())
        counted = self._by_support[number]
        if self._too_open(undecided, found, sure, len(scores) * len(block), dtype) and self._go_finer(number):
            self._meet(number, block, counted=counted)
            return
        if dtype == torch.float32 and undecided > SPLIT_SHARE * scores.numel():
            self._splits[number] = SPLITS
        self._count(part, block, found, sure.scores)
        self._offer(number, block, found, sure)

    def _go_finer(self, number: int) -> bool:
        """Take the next finer way for a part of the queries, or return False where there is none."""
        dtype = self._dtypes[number]
        if dtype in FINER:
            self._dtypes[number], self._splits[number] = FINER[dtype], 1
            return True
        before, self._by_support[number] = self._by_support[number], True
        return not before

    def _too_open(
        self, undecided: int, found: tiles.Scan, sure: tiles.Intervals, size: int, dtype: torch.dtype
    ) -> bool:
        share = max(OPEN_SHARE[dtype] * size, OPEN_LEAST)
        usual = CONTENDERS_PER_PLACE * self._search.top * len(found.above)
        contenders = int((found.contender & sure.scores.isnan()).sum())
        return undecided > share or contenders > max(share, usual)

    def _entry(
        self, number: int, block: ReferenceBlock, scores: Tensor, bound: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """Return (A,), the least computed score that may be among the best of its line.

        A reference that ties with the last of the best comes after it if that one is neither cover
        nor truth and stands in an earlier row.
        """
        each = self._best[number]
        shift, floor = self._shifts[number], each.floor()
        if bool(torch.isinf(floor).all()) and len(block) >= self._search.top:
            last, widened = tiles.widened(scores.topk(self._search.top, dim=1).values[:, -1], dtype)
            return tiles.comparable(last - widened - 2 * bound - best.TIE_MARGIN, dtype)
        last, kind, row = each.last()
        past = (kind == best.OTHER) & (row < block.first_row)
        settled = tiles.reach(last, past, shift, bound, dtype)
        return torch.maximum(settled, tiles.comparable(floor - shift - bound - best.TIE_MARGIN, dtype))

    def _count(self, part: slice, block: ReferenceBlock, found: tiles.Scan, scores: Tensor) -> None:
        """Count the references at or above the truth, scoring the undecided; fills in their `scores`."""
        self._rank[part] += found.above + found.ties
        self._ties[part] += found.ties
        again = (found.undecided & scores.isnan()).nonzero()[:, 0]
        scores[again] = pair_scores(self._queries[part], block.rows, found.lines[again], found.columns[again])
        undecided = found.undecided.nonzero()[:, 0]
        lines, scores = found.lines[undecided], scores[undecided]
        truth_scores = self._truth_scores[part][lines]
        weights = torch.ones_like(lines) if block.counts is None else block.counts[found.columns[undecided]]
        self._rank[part].index_add_(0, lines, weights * (scores >= truth_scores))
        self._ties[part].index_add_(0, lines, weights * (scores == truth_scores))

    def _offer(self, number: int, block: ReferenceBlock, found: tiles.Scan, sure: tiles.Intervals) -> None:
        rivals = found.contender.nonzero()[:, 0]
        each = self._best[number]
        each.offer(
            best.Contenders(
                found.lines[rivals],
                found.columns[rivals] + block.first,
                sure.low[rivals],
                sure.high[rivals],
                sure.scores[rivals],
            )
        )
        if each.pending_count > PENDING_PER_LINE * len(each.floor()):
            self._settle(number)

    def _settle(self, number: int) -> None:
        part, copies = self._parts[number], self._search.copies

        def settle(pending: best.Contenders) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            scores, lines = pending.scores, pending.lines
            again = scores.isnan().nonzero()[:, 0]
            rows = copies.rows[pending.groups[again].numpy(force=True)]
            scores[again] = _scores_of(self._queries[part], self._search.references, rows, lines[again])
            rows, place = copies.expand(pending.groups, self._ties_to_know)
            lines, scores = lines[place], scores[place]
            return lines, rows, scores, best.kinds(rows, self._truth[part][lines], self._covers[part][lines])

        self._best[number].settle(settle)

    @property
    def _ties_to_know(self) -> int:
        """Of references with equal scores, so many by row are enough: covers and truth come after others."""
        return self._search.top + self._covers.shape[1] + 1

    def _operand(self, number: int, dtype: torch.dtype) -> Operand:
        """Return a part of the queries in the type of a product; kept, as all blocks need it."""
        if (number, dtype) in self._operands:
            return self._operands[number, dtype]
        operand = self._search.frame.queries(self._queries[self._parts[number]], dtype)
        if dtype != torch.float64:
            self._operands[number, dtype] = operand
        return operand

    def _product(self, queries: Tensor, references: Tensor, splits: int) -> Tensor:
        """Return scores (A, B) in a buffer that the next product overwrites."""
        return split_product(
            queries, references, splits, out=self._buffer(queries.dtype, len(queries), len(references))
        )

    def _buffer(self, dtype: torch.dtype, lines: int, columns: int) -> Tensor:
        size = lines * columns
        buffer = self._buffers.get(dtype)
        if buffer is None or buffer.numel() < size:
            buffer = self._buffers[dtype] = self._queries.new_empty(size, dtype=dtype)
        return buffer[:size].view(lines, columns)


def _scores_of(
    queries: Tensor, references: Rows, rows: NDArray[np.int64], lines: Tensor | None = None
) -> Tensor:
    """Return float32 (N,), the scores of reference `rows` and query `lines`, by default each its own."""
    lines = torch.arange(len(rows), device=queries.device) if lines is None else lines
    parts = [queries.new_empty(0)]
    for part in slices(len(rows), AT_ONCE.get(queries.device.type, AT_ONCE["cuda"])):
        taken = references.take(rows[part])
        each = torch.arange(len(taken), device=taken.device)
        parts.append(pair_scores(queries, taken, lines[part], each))
    return torch.cat(parts)


def _covers_above(
    queries: Tensor,
    references: Rows,
    truth: NDArray[np.int64],
    covers: NDArray[np.int64],
    truth_scores: Tensor,
) -> Tensor:
    """Return int64 (A,), covers that score at least as high as the truth; each counts once."""
    above = torch.zeros(len(truth), dtype=torch.int64, device=queries.device)
    for number, column in enumerate(covers.T):
        seen = (covers[:, :number] == column[:, None]).any(axis=1)
        lines = np.flatnonzero((column >= 0) & (column != truth) & ~seen)
        if len(lines):
            lines_there = torch.from_numpy(lines).to(queries.device)
            scores = _scores_of(queries, references, column[lines], lines_there)
            above[lines_there] += scores >= truth_scores[lines_there]
    return above
