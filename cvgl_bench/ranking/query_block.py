"""A block of queries that meets all references block by block."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from cvgl_bench.ranking.exact import pair_scores, tie_interval
from cvgl_bench.ranking.looks import DEPTH, compare, count, look, operand, places
from cvgl_bench.ranking.rows import Rows

WAYS = (
    (torch.bfloat16, None, 1 / 256),
    (torch.float16, None, 1 / 256),
    (torch.float32, None, 1 / 4096),
    (torch.float32, DEPTH, 1 / 64),
    (torch.float64, None, 1 / 64),
)
"""Ways to look, the fastest first: a type, the dimensions summed at a time (None: all), and the share of a
tile that may be scored again one by one; where more is left open the next way is the cheaper one."""

OPEN_LEAST = 256
"""So many scores of a tile may be scored again however small it is."""

RIVALS_PER_PLACE, LEAST_PLACES = 4, 8
"""With more rivals waiting for each place among the best of a query they are settled."""


class QueryBlock:
    """Queries float32 (A, D) on their way through the references, with what is known of each so far.

    truth: int64 (A,); covers: int64 (A, K). top: references to keep. dtype: the type tried first.
    """

    def __init__(
        self,
        queries: Tensor,
        truth: Tensor,
        covers: Tensor,
        *,
        references: Rows,
        top: int,
        dtype: torch.dtype,
    ) -> None:
        self._queries, self._truth, self._covers = queries, truth, covers
        self._references, self._top = references, top
        self._target = self._exact(torch.arange(len(queries), device=queries.device), truth)
        self._rank, self._ties = torch.zeros_like(truth), torch.zeros_like(truth)
        self._ways = [way for way in WAYS if way[0] == dtype or way[0].itemsize > dtype.itemsize]
        self._operand = operand(queries, dtype)
        self._entry = torch.full_like(self._target, -torch.inf, dtype=torch.float64)
        """The least number whose rounding to a score may still be among the best of its line."""
        self._rivals: list[tuple[Tensor, ...]] = []
        """Lines and rows of what may be among the best, with the ends between which the score is rounded."""
        self._most_rivals = RIVALS_PER_PLACE * max(top, LEAST_PLACES) * len(queries)

    def meet(self, references: Tensor, first: int) -> None:
        """Compare with unit references float32 (B, D), rows `first` onwards, all after those met before."""
        dtype, depth, open_share = self._ways[0]
        scores, bound = look(self._operand, operand(references, dtype), depth=depth)
        low, high = tie_interval(self._target)
        above = compare(scores, high + bound, beyond=True)
        undecided, ties = compare(scores, low - bound) ^ above, torch.zeros_like(self._ties)
        if dtype == torch.float64:  # in coarser types rounding is wider than a tie
            apart = _apart(self._queries, references, scores)
            tied = compare(scores, low + bound, beyond=True) & ~compare(scores, high - bound)
            tied |= apart & (self._target == 0)[:, None]
            undecided, ties = undecided ^ tied, count(tied)
            scores.masked_fill_(apart & (self._entry > 0)[:, None], -torch.inf)  # none of the best
        lines, columns = places(undecided)
        rivals = self._rivals_among(scores, bound)
        if len(self._ways) > 1:
            most = open_share * scores.numel()
            own = (self._truth >= first) & (self._truth < first + len(references))  # each ties with itself
            many = len(rivals[0]) > max(most, self._most_rivals)
            if many or len(lines) - own.sum() > max(most, OPEN_LEAST):
                self._ways = self._ways[1:]
                self._operand = operand(self._queries, self._ways[0][0])
                return self.meet(references, first)
        take = partial(torch.index_select, references, 0)
        exact, target = pair_scores(self._queries, take, lines, columns), self._target[lines]
        ties += torch.bincount(lines[exact == target], minlength=len(ties))
        self._rank += count(above) + ties
        self._rank += torch.bincount(lines[exact > target], minlength=len(ties))
        self._ties += ties
        values = scores[rivals].double()
        self._rivals.append((rivals[0], rivals[1] + first, values - bound, values + bound))
        if sum(len(each[0]) for each in self._rivals) > self._most_rivals:
            self._settle()

    def finish(self) -> tuple[Tensor, ...]:
        """Return the columns of a Ranking; the truth is not its own rival."""
        self._settle(wholly=True)
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

    def _rivals_among(self, scores: Tensor, bound: Tensor) -> tuple[Tensor, Tensor]:
        """Return lines and columns of the scores that may be among the best."""
        rivals = places(compare(scores, self._entry - bound))
        if len(rivals[0]) <= self._most_rivals or scores.shape[1] < self._top:
            return rivals
        last = scores.topk(self._top, dim=1).values[:, -1].double() - bound
        self._entry = torch.maximum(self._entry, tie_interval(last.float())[0])
        return places(compare(scores, self._entry - bound))

    def _settle(self, *, wholly: bool = False) -> None:
        """Drop the rivals that are surely outdone; `wholly`, or where many are left, keep the best alone."""
        lines, rows, low, high = (torch.cat(parts) for parts in zip(*self._rivals, strict=True))
        order, place = _by_line(lines, -low)
        floor, last = torch.full_like(self._entry, -torch.inf), order[place == self._top - 1]
        floor[lines[last]] = tie_interval(low[last].float())[0]
        self._entry, kept = torch.maximum(self._entry, floor), high >= floor[lines]
        lines, rows, low, high = lines[kept], rows[kept], low[kept], high[kept]
        self._rivals = [(lines, rows, low, high)]
        if not wholly and len(lines) <= self._most_rivals / 2:
            return
        scores = low.float() + 0.0  # -0 becomes 0: equal scores have equal bits
        unsure = (scores != high.float()).nonzero()[:, 0]
        scores[unsure] = self._exact(lines[unsure], rows[unsure])
        kinds = (rows[:, None] == self._covers[lines]).any(dim=1) + 2 * (rows == self._truth[lines])
        order, place = _by_line(lines, rows, kinds, -scores)
        best, last = order[place < self._top], order[place == self._top - 1]
        self._rivals = [(lines[best], rows[best], scores[best].double(), scores[best].double())]
        # At the last place's score a later row comes after it, unless it is a cover or the truth.
        lowest, highest = tie_interval(scores[last])
        self._entry[lines[last]] = torch.where(kinds[last] == 0, highest, lowest)

    def _exact(self, lines: Tensor, rows: Tensor) -> Tensor:
        """Return float32 (N,), the scores of queries `lines` and references `rows`."""
        take = self._references.take
        return pair_scores(self._queries, lambda part: take(part.numpy(force=True)), lines, rows)


def _apart(queries: Tensor, references: Tensor, scores: Tensor) -> Tensor:
    """Return bool (A, B), where rows share no dimension: however it is summed, the score is 0.

    The shared dimensions are counted by a product: however that rounds, one is never none.
    """
    zero = scores == 0
    if zero.any():
        zero &= torch.mm((queries != 0).float(), (references != 0).float().T) == 0
    return zero


def _by_line(lines: Tensor, *keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return what sorts by line, then by the last key and so on, and each one's place in its line."""
    order = every = torch.arange(len(lines), device=lines.device)
    for key in (*keys, lines):
        order = order[torch.argsort(key[order], stable=True)]
    return order, every - torch.searchsorted(lines[order], lines[order])
