"""A block of queries that meets all references block by block."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from cvgl_bench.ranking.exact import pair_scores, tie_interval
from cvgl_bench.ranking.looks import DEPTH, Centres, compare, count, look, operand, places
from cvgl_bench.ranking.rows import Rows


class Way(NamedTuple):
    """A look in a type, float32 sums in steps of `depth` dimensions or whole; `open_share` of a tile is
    scored again one by one, with more left open the next way is the cheaper one."""

    dtype: torch.dtype
    depth: int | None
    open_share: float


WAYS: tuple[Way, ...] = (
    Way(torch.bfloat16, None, 1 / 256),
    Way(torch.float16, None, 1 / 256),
    Way(torch.float32, None, 1 / 4096),
    Way(torch.float32, DEPTH, 1 / 64),
    Way(torch.float64, None, 1 / 64),
)
"""From the fastest to the finest."""

OPEN_LEAST = 256
"""So many scores of a tile may be scored again however small it is."""

RIVALS_PER_PLACE, LEAST_PLACES = 4, 8
"""With more rivals waiting for each place among the best of a query they are settled."""

LEAST_APART = 1 / 64
"""Share of pairs without a shared dimension that makes it worth looking for them."""

LEAST_SCORE = -2.0
"""Below the score of any two unit rows."""

PAIRS_AT_ONCE = {"cpu": 1024, "cuda": 65536}
"""References read at a time to be scored with a query of their own."""


class QueryBlock:
    """Queries float32 (A, D) on their way through the references, with what is known of each so far.

    truth: int64 (A,); covers: int64 (A, K). centres: see `looks`. dtype: the type tried first.
    """

    def __init__(
        self,
        queries: Tensor,
        truth: Tensor,
        covers: Tensor,
        references: Rows,
        *,
        centres: Centres,
        top: int,
        dtype: torch.dtype,
    ) -> None:
        self._queries, self._truth, self._covers = queries, truth, covers
        self._references, self._centres, self._top = references, centres, top
        self._target = self._exact(torch.arange(len(queries), device=queries.device), truth)
        self._rank, self._ties = torch.zeros_like(truth), torch.zeros_like(truth)
        self._shift = queries.new_zeros(len(queries), dtype=torch.float64)
        if centres[1] is not None:
            self._shift = queries.double() @ centres[1].double()
        self._ways = [way for way in WAYS if way.dtype == dtype or way.dtype.itemsize > dtype.itemsize]
        self._operand = operand(queries, dtype, centre=centres[0])
        self._support: Tensor | None = None
        self._entry = torch.full_like(self._shift, LEAST_SCORE)
        """The least number whose rounding to a score may still be among the best of its line."""
        self._rivals: list[tuple[Tensor, ...]] = []
        """Lines and rows of what may be among the best, with the ends between which the score is rounded."""
        self._most_rivals = RIVALS_PER_PLACE * max(top, LEAST_PLACES) * len(queries)

    def meet(self, references: Tensor, first: int) -> None:
        """Compare with unit references float32 (B, D), rows `first` onwards, all after those met before."""
        dtype, depth, _ = self._ways[0]
        there = operand(references, dtype, centre=self._centres[1], other=self._centres[0])
        scores, bound = look(self._operand, there, depth=depth)
        apart = None if self._support is None else _apart(self._support, references)
        if apart is not None:
            scores.masked_fill_(apart, -torch.inf)
        low, high = (end - self._shift for end in tie_interval(self._target))
        above = compare(scores, high + bound, beyond=True)
        undecided, ties = compare(scores, low - bound) ^ above, 0
        if dtype == torch.float64:  # in coarser types rounding is wider than a tie
            tied = compare(scores, low + bound, beyond=True) & ~compare(scores, high - bound)
            undecided, ties = undecided ^ tied, count(tied)
        again, rivals = places(undecided), self._rivals_among(scores, bound)
        own = (
            (self._truth >= first) & (self._truth < first + len(references))
        ).sum()  # each ties with itself
        most = self._ways[0].open_share * scores.numel()
        many = len(rivals[0]) > max(most, self._most_rivals) and dtype != torch.float64
        if (many or len(again[0]) - own > max(most, OPEN_LEAST)) and self._refine(references):
            return self.meet(references, first)
        self._count(again[0], pair_scores(self._queries, references, *again))
        self._rank += count(above) + ties
        self._ties += ties
        values = scores[rivals].double() + self._shift[rivals[0]]
        self._offer(rivals[0], rivals[1] + first, values, bound[rivals[0]])
        if apart is not None:
            self._take_apart(apart, first)

    def finish(self) -> tuple[Tensor, ...]:
        """Return the columns of a Ranking; the truth is not its own rival."""
        self._settle()
        _, rows, scores, _ = self._rivals[0]
        best = (each.view(len(self._rank), -1) for each in (rows, scores.float()))
        return self._rank - 1, self._ties - 1, self._rank - 1 - self._covers_above(), *best

    def _covers_above(self) -> Tensor:
        """Return int64 (A,), covers that score at least as high as the truth; each counts once."""
        covers = self._covers.sort(dim=1).values
        once = torch.ones_like(covers, dtype=torch.bool)
        once[:, 1:] = covers[:, 1:] != covers[:, :-1]
        lines, columns = places(once & (covers >= 0) & (covers != self._truth[:, None]))
        scores = self._exact(lines, covers[lines, columns])
        return torch.bincount(lines[scores >= self._target[lines]], minlength=len(covers))

    def _count(self, lines: Tensor, scores: Tensor) -> None:
        """Count scores (N,) of references of `lines` where they reach the truth's."""
        target = self._target[lines]
        self._rank += torch.bincount(lines[scores >= target], minlength=len(self._rank))
        self._ties += torch.bincount(lines[scores == target], minlength=len(self._rank))

    def _refine(self, references: Tensor) -> bool:
        """Take the next finer way to look, or return False where there is none."""
        dtype = self._ways[0].dtype
        if self._support is None:
            support = (self._queries != 0).to(dtype)
            if _apart(support, references).double().mean() > LEAST_APART:
                self._support = support
                return True
        if len(self._ways) == 1:
            return False
        self._ways = self._ways[1:]
        if self._ways[0].dtype != dtype:
            self._operand = operand(self._queries, self._ways[0].dtype, centre=self._centres[0])
        return True

    def _take_apart(self, apart: Tensor, first: int) -> None:
        """Take in the pairs of a mask (A, B), whose score is 0."""
        zeros = count(apart)
        self._rank += zeros * (self._target <= 0)
        self._ties += zeros * (self._target == 0)
        lines, columns = places(apart & (self._entry <= 0)[:, None])
        none = torch.zeros(len(lines), dtype=torch.float64, device=lines.device)
        self._offer(lines, columns + first, none, none)

    def _rivals_among(self, scores: Tensor, bound: Tensor) -> tuple[Tensor, Tensor]:
        """Return lines and columns of the scores that may be among the best."""
        rivals = places(compare(scores, self._entry - self._shift - bound))
        if len(rivals[0]) <= self._most_rivals or scores.shape[1] < self._top:
            return rivals
        last = scores.topk(self._top, dim=1).values[:, -1].double() + self._shift - bound
        self._entry = torch.maximum(self._entry, tie_interval(last.float())[0])
        return places(compare(scores, self._entry - self._shift - bound))

    def _offer(self, lines: Tensor, rows: Tensor, values: Tensor, margin: Tensor) -> None:
        """Take in references that may be among the best, in values known but for a margin, float64 (N,)."""
        self._rivals.append((lines, rows, values - margin, values + margin))
        if sum(len(each[0]) for each in self._rivals) > self._most_rivals:
            self._settle()

    def _settle(self) -> None:
        """Keep of the rivals the best, scored exactly; those surely outdone are not scored at all."""
        lines, rows, low, high = (torch.cat(parts) for parts in zip(*self._rivals, strict=True))
        order, place = _by_line(lines, -low)
        floor, last = torch.full_like(self._entry, LEAST_SCORE), order[place == self._top - 1]
        floor[lines[last]] = tie_interval(low[last].float())[0]
        kept = high >= floor[lines]
        lines, rows, low, high = lines[kept], rows[kept], low[kept], high[kept]
        scores = low.float() + 0.0  # -0 becomes 0: equal scores have equal bits
        unsure = (scores != high.float()).nonzero()[:, 0]
        scores[unsure] = self._exact(lines[unsure], rows[unsure])
        kinds = (rows[:, None] == self._covers[lines]).any(dim=1) + 2 * (rows == self._truth[lines])
        order, place = _by_line(lines, rows, kinds, -scores)
        best, last = order[place < self._top], order[place == self._top - 1]
        self._rivals = [(lines[best], rows[best], scores[best].double(), scores[best].double())]
        # At the last place's score a later row comes after it, unless it is a cover or the truth.
        ends = tie_interval(scores[last])
        self._entry[lines[last]] = torch.where(kinds[last] == 0, *reversed(ends))

    def _exact(self, lines: Tensor, rows: Tensor) -> Tensor:
        """Return float32 (N,), the scores of queries `lines` and references `rows`."""
        size = PAIRS_AT_ONCE.get(lines.device.type, PAIRS_AT_ONCE["cuda"])
        scores = []
        for line, row in zip(lines.split(size), rows.split(size), strict=True):
            references = self._references.take(row.numpy(force=True))
            each = torch.arange(len(row), device=row.device)
            scores.append(pair_scores(self._queries, references, line, each))
        return torch.cat(scores)


def _apart(support: Tensor, references: Tensor) -> Tensor:
    """Return bool (A, B), where a reference shares no dimension with a query: their score is 0.

    support: (A, D), 1 where a query is other than zero. The shared dimensions are counted by a product:
    however it rounds, one is never none.
    """
    return torch.mm(support, (references != 0).to(support.dtype).T) == 0


def _by_line(lines: Tensor, *keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return what sorts by line, then by the last key and so on, and each one's place in its line."""
    order = torch.arange(len(lines), device=lines.device)
    for key in (*keys, lines):
        order = order[torch.argsort(key[order], stable=True)]
    ordered = lines[order]
    return order, torch.arange(len(lines), device=lines.device) - torch.searchsorted(ordered, ordered)
