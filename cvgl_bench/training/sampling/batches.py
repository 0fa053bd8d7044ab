"""Batches of queries for one epoch, no two of one reference."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation.errors import UsageError

Rows = NDArray[np.int64]

LEAST_BATCH = 2
"""Pairs of the smallest batch that the options allow."""


def random_batches(
    truth: Rows, batch_size: int, *, generator: np.random.Generator, avoid: Rows | None = None
) -> Rows:
    """Return the rows of the queries of every batch, (batches, batch_size), in random order.

    As `neighbour_batches` without neighbours.
    """
    alone = np.empty((len(truth), 0), np.int64)
    return neighbour_batches(alone, truth, batch_size=batch_size, select=0, generator=generator, avoid=avoid)


def neighbour_batches(
    neighbours: Rows,
    truth: Rows,
    *,
    batch_size: int,
    select: int,
    generator: np.random.Generator,
    avoid: Rows | None = None,
) -> Rows:
    """Return the rows of the queries of every batch, (batches, batch_size).

    A batch grows from random seeds: after each comes a query for each of up to `select` of the seed's
    neighbours, the nearest half always and the other half at random from the rest of the pool, until
    the batch is full. Every query is used at most once and no reference occurs twice in a batch. There
    are as many batches as these two rules allow; queries that fill no further batch are left out.

    neighbours: (Q, P) rows of references, nearest first, padded with -1; truth: (Q,) row of each
    query's own reference. avoid: (Q, K) rows of references that must not share a batch with the query,
    padded with -1, such as its covers, which would be false negatives; costs a few batches at the end.
    Raises UsageError where not even one batch can be made.
    Source: Deuser et al., ICCV 2023, section 3.3.
    """
    epoch = _Epoch(neighbours, truth, select=select, generator=generator, avoid=avoid)
    batches = []
    for left in range(max(most_batches(epoch.unused_count, batch_size), 1), 0, -1):
        batch = epoch.take_batch(batch_size, left)
        if len(batch) < batch_size:
            break
        batches.append(batch)
    if not batches:
        apart = "" if avoid is None else " that need not avoid each other"
        advice = f"Set a batch size of at most {len(batch)}."
        if len(batch) < LEAST_BATCH:
            advice = "A pair is told from others of its batch, so train on more data"
            advice += "." if avoid is None else ", or set keep_covers_apart=false."
        raise UsageError(
            f"A batch of {batch_size} pairs cannot be made: the training split's {len(truth)} pairs give "
            f"only {len(batch)} of different references{apart}. {advice}"
        )
    return np.array(batches, np.int64)


class _Epoch:
    """The queries of an epoch that no batch has used yet.

    unused: shuffled queries by reference; unused_count: their numbers, by reference row.
    seeds: references in the order in which batches start from them, each as often as it has queries.
    """

    def __init__(
        self,
        neighbours: Rows,
        truth: Rows,
        *,
        select: int,
        generator: np.random.Generator,
        avoid: Rows | None,
    ) -> None:
        self.neighbours, self.select, self.generator = neighbours, select, generator
        order = generator.permutation(len(truth))
        self.seeds = deque(truth[order].tolist())
        self.unused: dict[int, list[int]] = {}
        for query, reference in zip(order.tolist(), self.seeds, strict=True):
            self.unused.setdefault(reference, []).append(query)
        self.unused_count = np.bincount(truth)
        self.avoid = None if avoid is None else [set(row) - {-1} for row in avoid.tolist()]

    def take_batch(self, batch_size: int, left: int) -> list[int]:
        """Take a batch out of the unused queries; shorter than asked for where no more fit in.

        A reference with as many unused queries as batches are left, this one included, is needed in
        every one of them, but for `spare` such references; the last places are kept for the others.
        """
        batch = _Batch()
        needed = np.flatnonzero(self.unused_count >= left)
        spare = int(np.minimum(self.unused_count, left).sum()) - left * batch_size
        self._fill(batch, batch_size, left, reserved=max(len(needed) - spare, 0))
        for reference in self.generator.permutation(needed).tolist():
            if len(batch.queries) == batch_size:
                break
            self._take(reference, batch, left)
        # Only where some of the needed references avoid each other are there places still open.
        self._fill(batch, batch_size, left, reserved=0)
        return batch.queries

    def _fill(self, batch: _Batch, batch_size: int, left: int, *, reserved: int) -> None:
        """Add seeds, each followed by its neighbours, but keep places open for needed references."""

        def is_full() -> bool:
            return len(batch.queries) >= min(batch_size, batch_size - reserved + batch.needed)

        rejected = []
        while self.seeds and not is_full():
            seed = self.seeds.popleft()
            if seed not in self.unused:
                continue
            if not self._take(seed, batch, left):
                rejected.append(seed)
                continue
            for reference in self._neighbours_of(batch.queries[-1]):
                if is_full():
                    break
                self._take(reference, batch, left)
        self.seeds.extendleft(reversed(rejected))

    def _take(self, reference: int, batch: _Batch, left: int) -> bool:
        """Move a query of the reference into the batch, if one is left and fits in."""
        if reference not in self.unused or reference in batch.references or reference in batch.avoided:
            return False
        queries = self.unused[reference]
        query = self._one_apart(queries, batch)
        if query is None:
            return False
        queries.remove(query)
        if not queries:
            del self.unused[reference]
        batch.needed += int(self.unused_count[reference] >= left)
        self.unused_count[reference] -= 1
        batch.queries.append(query)
        batch.references.add(reference)
        if self.avoid is not None:
            batch.avoided |= self.avoid[query]
        return True

    def _one_apart(self, queries: list[int], batch: _Batch) -> int | None:
        if self.avoid is None:
            return queries[-1]
        return next((q for q in reversed(queries) if batch.references.isdisjoint(self.avoid[q])), None)

    def _neighbours_of(self, query: int) -> list[int]:
        if not self.select:
            return []
        pool = self.neighbours[query]
        pool = pool[pool >= 0]
        near, rest = pool[: self.select // 2], pool[self.select // 2 :]
        far = self.generator.permutation(rest)[: self.select - len(near)]
        return [*near.tolist(), *far.tolist()]


@dataclass
class _Batch:
    """A batch as it grows.

    references: those of its queries; avoided: those that its queries avoid; needed: how many of its
    references had to be in it.
    """

    queries: list[int] = field(default_factory=list)
    references: set[int] = field(default_factory=set)
    avoided: set[int] = field(default_factory=set)
    needed: int = 0


def most_batches(counts: NDArray[np.int64], batch_size: int) -> int:
    """Return how many batches of distinct references can be made of `counts` queries of each.

    The largest m with sum(min(counts, m)) >= m * batch_size: a reference serves each batch once at most.
    """
    few, many = 0, int(counts.sum()) // batch_size
    while few < many:
        middle = (few + many + 1) // 2
        if np.minimum(counts, middle).sum() >= middle * batch_size:
            few = middle
        else:
            many = middle - 1
    return few
