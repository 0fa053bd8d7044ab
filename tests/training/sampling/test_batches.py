from __future__ import annotations

import time

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.training.sampling import neighbour_batches, random_batches
from cvgl_bench.training.sampling.batches import most_batches


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def line_of_neighbours(count: int, pool: int) -> np.ndarray:
    """Neighbours of queries on a line, query i being the only one of reference i."""
    distance = np.abs(np.arange(count)[:, None] - np.arange(count)).astype(float)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, :pool]


def assert_valid(batches: np.ndarray, truth: np.ndarray, batch_size: int) -> None:
    assert batches.shape[1] == batch_size and batches.dtype == np.int64
    assert len(np.unique(batches)) == batches.size, "a query is used twice"
    references = np.sort(truth[batches], axis=1)
    assert (np.diff(references, axis=1) > 0).all(), "two pairs of one reference share a batch"


def test_random_batches_use_every_query_once_and_drop_the_incomplete_batch() -> None:
    truth = np.arange(103)
    batches = random_batches(truth, 10, generator=generator())
    assert_valid(batches, truth, 10)
    assert len(batches) == 10


def test_batches_repeat_with_the_seed_and_differ_without() -> None:
    truth = np.repeat(np.arange(40), 3)
    first, again, other = (random_batches(truth, 8, generator=generator(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_reference_twice_in_a_batch_with_neighbours() -> None:
    truth = generator().integers(0, 60, 400)
    neighbours = generator().integers(0, 60, (400, 20))
    batches = neighbour_batches(neighbours, truth, batch_size=16, select=8, generator=generator())
    assert_valid(batches, truth, 16)
    assert len(batches) == most_batches(np.bincount(truth), 16)


@pytest.mark.parametrize("select", [0, 6])
@pytest.mark.parametrize("seed", range(5))
def test_a_crowded_split_keeps_all_that_is_possible(select: int, seed: int) -> None:
    """One reference holds three quarters of the queries; published code keeps 512 of 640 such pairs."""
    truth = np.concatenate([np.zeros(3000, int), generator(seed).integers(1, 200, 1000)])
    neighbours = generator(seed).integers(0, 200, (len(truth), 12))
    batches = neighbour_batches(neighbours, truth, batch_size=64, select=select, generator=generator(seed))
    assert_valid(batches, truth, 64)
    possible = max(m for m in range(70) if np.minimum(np.bincount(truth), m).sum() >= 64 * m)
    assert len(batches) == possible == 15


@pytest.mark.parametrize("seed", range(20))
def test_as_many_batches_as_possible_on_small_random_splits(seed: int) -> None:
    draws = generator(seed)
    counts = draws.integers(0, 6, 9)
    truth = draws.permutation(np.repeat(np.arange(9), counts))
    size = int(draws.integers(2, 5))
    possible = max(m for m in range(len(truth) + 1) if np.minimum(counts, m).sum() >= size * m)
    neighbours = draws.integers(0, 9, (len(truth), 4))
    batches = neighbour_batches(neighbours, truth, batch_size=size, select=2, generator=draws)
    assert_valid(batches, truth, size)
    assert len(batches) == possible


def test_a_batch_is_a_seed_and_its_neighbours() -> None:
    count, select = 1000, 8
    neighbours = line_of_neighbours(count, 16)
    batches = neighbour_batches(
        neighbours, np.arange(count), batch_size=select + 1, select=select, generator=generator()
    )
    seed, rest = batches[0][0], batches[0][1:]
    assert set(neighbours[seed, :4]) == set(rest[:4]), "the nearest half is always taken"
    assert set(rest[4:]) <= set(neighbours[seed, 4:]), "the other half comes from the rest of the pool"


def test_the_far_half_is_drawn_at_random() -> None:
    neighbours, truth = line_of_neighbours(200, 32), np.arange(200)
    far = set()
    for seed in range(10):
        batch = neighbour_batches(neighbours, truth, batch_size=9, select=8, generator=generator(seed))[0]
        far.add(tuple(np.searchsorted(np.sort(neighbours[batch[0], 4:]), batch[5:])))
    assert len(far) > 1


def test_neighbours_share_batches_far_more_often_than_by_chance() -> None:
    neighbours, truth = line_of_neighbours(2000, 64), np.arange(2000)

    def spread(batches: np.ndarray) -> float:
        return float(np.abs(np.diff(np.sort(batches, axis=1), axis=1)).mean())

    near = neighbour_batches(neighbours, truth, batch_size=64, select=32, generator=generator())
    assert_valid(near, truth, 64)
    assert len(near) == 2000 // 64
    assert spread(near) < 0.8 * spread(random_batches(truth, 64, generator=generator()))


def test_a_pool_narrower_than_select_is_no_obstacle() -> None:
    truth = np.arange(30)
    neighbours = np.full((30, 4), -1)
    neighbours[:, 0] = (truth + 1) % 30
    batches = neighbour_batches(neighbours, truth, batch_size=10, select=64, generator=generator())
    assert_valid(batches, truth, 10)
    assert len(batches) == 3


def test_avoided_references_never_share_a_batch() -> None:
    count = 600
    truth = np.arange(count)
    avoid = np.stack([(truth + 1) % count, (truth - 1) % count, np.full(count, -1)], axis=1)
    neighbours = line_of_neighbours(count, 32)

    def clashes(batches: np.ndarray) -> int:
        return sum(len(set(avoid[batch].ravel()) & set(truth[batch].tolist())) for batch in batches)

    free = neighbour_batches(neighbours, truth, batch_size=32, select=16, generator=generator())
    apart = neighbour_batches(neighbours, truth, batch_size=32, select=16, generator=generator(), avoid=avoid)
    assert_valid(apart, truth, 32)
    assert clashes(free) > 0
    assert clashes(apart) == 0
    assert len(apart) >= 0.8 * len(free)


def test_avoiding_works_where_only_one_side_lists_the_other() -> None:
    truth = np.arange(8)
    avoid = np.full((8, 1), -1)
    avoid[0] = 1
    for seed in range(30):
        for batch in random_batches(truth, 4, generator=generator(seed), avoid=avoid):
            assert not {0, 1} <= set(batch.tolist())


@pytest.mark.parametrize(("pairs", "references"), [(5, 5), (400, 7)])
def test_fewer_references_than_a_batch_names_a_size_that_works(pairs: int, references: int) -> None:
    truth = np.arange(pairs) % references
    with pytest.raises(UsageError, match=rf"at most {references}\."):
        random_batches(truth, 64, generator=generator())
    assert random_batches(truth, references, generator=generator()).shape[1] == references


def test_a_batch_that_avoidance_makes_impossible_is_refused() -> None:
    truth = np.arange(6)
    avoid = np.array([[other for other in range(6) if other != row] for row in range(6)])
    with pytest.raises(UsageError, match="avoid each other.*more data, or set keep_covers_apart=false"):
        random_batches(truth, 2, generator=generator(), avoid=avoid)


def test_vigor_sized_epoch_takes_seconds() -> None:
    """52,609 queries as in VIGOR's same-area split; a second or so is usual, ten mean a slow path."""
    truth = generator().integers(0, 40_000, 52_609)
    neighbours = (truth[:, None] + np.arange(1, 129)) % 40_000
    began = time.process_time()
    batches = neighbour_batches(neighbours, truth, batch_size=128, select=64, generator=generator())
    assert time.process_time() - began < 10
    assert len(batches) == 52_609 // 128


def test_a_single_pair_is_no_reason_to_advise_a_batch_that_is_not_allowed():
    with pytest.raises(UsageError, match="only 1 of different references. A pair is told from others"):
        random_batches(np.zeros(3, np.int64), 4, generator=np.random.default_rng(0))
