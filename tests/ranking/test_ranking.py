"""Ranks against an oracle: the full matrix, in float64, by plain Python loops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from cvgl_bench.ranking import looks, query_block, ranking
from cvgl_bench.ranking.ranking import rank

PRECISIONS = ("float32", "bfloat16", "float16")
CASES = 60
"""Random data sets for each precision, of up to 24 queries each: thousands of small cases."""


def unit(rows):
    """Rows of unit length, in float64 and rounded once; those that are unit already are left alone."""
    rows = np.asarray(rows, np.float64)
    lengths = np.array([math.sqrt(math.fsum(value * value for value in row)) for row in rows])
    lengths[np.abs(lengths**2 - 1) <= 2e-5] = 1
    return (rows / lengths[:, None]).astype(np.float32)


def oracle(queries, references, truth, covers, top=10):
    """Rank by comparing every reference of every query, one by one."""
    queries, references = unit(queries), unit(references)
    columns = [[], [], [], [], []]
    for query, own, near in zip(queries.tolist(), truth.tolist(), covers.tolist(), strict=True):
        scores = [
            np.float32(math.fsum(a * b for a, b in zip(query, reference, strict=True)))
            for reference in references.tolist()
        ]
        others = [row for row in range(len(scores)) if row != own]
        columns[0].append(sum(scores[row] >= scores[own] for row in others))
        columns[1].append(sum(scores[row] == scores[own] for row in others))
        columns[2].append(sum(scores[row] >= scores[own] for row in others if row not in near))
        kind = [2 if row == own else 1 if row in near else 0 for row in range(len(scores))]
        order = sorted(range(len(scores)), key=lambda row: (-scores[row], kind[row], row))[:top]
        columns[3].append(order)
        columns[4].append([scores[row] for row in order])
    return columns


def assert_equal(ranking, expected):
    for name, values in zip(dataclasses.asdict(ranking), expected, strict=True):
        np.testing.assert_array_equal(getattr(ranking, name), np.array(values), err_msg=name)


def random_case(generator):
    """Return a small case of a random kind: noise, lattices, copies, a collapsed or an untrained model."""
    dimensions = int(generator.choice([1, 2, 3, 8, 16]))
    query_count, reference_count = generator.integers(1, 25), generator.integers(1, 40)
    kind = generator.choice(["noise", "integers", "sparse", "dyadic", "constant", "shared", "close"])
    shape = (query_count + reference_count, dimensions)
    if kind == "noise":
        rows = generator.standard_normal(shape)
    elif kind == "integers":
        rows = generator.integers(-2, 3, shape)
    elif kind == "sparse":
        rows = generator.standard_normal(shape) * (generator.random(shape) < 0.3)
    elif kind == "dyadic":  # unit rows whose scores are exact in any type
        rows = np.zeros(shape)
        rows[np.arange(shape[0]), generator.integers(0, dimensions, shape[0])] = 1
        if dimensions >= 4:
            some = generator.random(shape[0]) < 0.7
            rows[some, :4] = generator.choice([-0.5, 0.5], (some.sum(), 4))
            rows[some, 4:] = 0
    elif kind == "constant":
        rows = np.tile(generator.standard_normal(dimensions), (shape[0], 1))
    else:
        noise = {"shared": 0.1, "close": 1e-6}[kind]
        rows = generator.standard_normal(dimensions) + noise * generator.standard_normal(shape)
    rows = rows.astype(np.float32)
    rows[(rows == 0).all(axis=1), 0] = 1
    queries, references = rows[:query_count], rows[query_count:]
    if generator.random() < 0.4:
        references = references[generator.integers(0, reference_count, reference_count)]
    truth = generator.integers(0, reference_count, query_count)
    covers = generator.integers(-1, reference_count, (query_count, generator.integers(0, 4)))
    return queries, references, truth, covers


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_agrees_with_the_oracle(dtype):
    generator = np.random.default_rng(PRECISIONS.index(dtype))
    for _ in range(CASES):
        case = random_case(generator)
        top = int(generator.integers(1, 13))
        block = tuple(generator.integers(1, 50, 2).tolist())
        ranking = rank(*case, top=top, block=block, precision=dtype)
        assert_equal(ranking, oracle(*case, top=top))


def test_every_block_size_gives_the_same():
    generator = np.random.default_rng(7)
    rows = generator.integers(-1, 2, (26, 4)).astype(np.float32)
    rows[(rows == 0).all(axis=1), 0] = 1
    case = rows[:6], rows[6:], generator.integers(0, 20, 6), generator.integers(-1, 20, (6, 3))
    expected = oracle(*case)
    for lines in (1, 4, 6):
        for columns in range(1, 22):
            assert_equal(rank(*case, block=(lines, columns)), expected)


def large_case(kind):
    """Return a case that takes whole groups of scores, crowded lines and more than one type."""
    generator = np.random.default_rng(3)
    count, dimensions = 700, 16
    noise = generator.standard_normal((count + 20, dimensions))
    centres = generator.standard_normal((3, dimensions))[generator.integers(0, 3, count + 20)]
    rows = {
        "noise": noise,
        "collapsed": centres[:1] + 1e-7 * noise,
        "untrained": centres[:1] + 0.05 * noise,
        "cities": centres + 1e-6 * noise,
        "signs": np.sign(noise) / 4,
        "copies": noise[generator.integers(0, 30, count + 20)],
        "sparse": np.where(
            generator.random(noise.shape) < 0.1, noise, np.eye(dimensions)[np.arange(len(noise)) % dimensions]
        ),
    }[kind]
    queries, references = unit(rows[:20]), unit(rows[20:])
    truth = generator.integers(0, count, 20)
    queries[:5] = unit(references[truth[:5]] + 0.05 * generator.standard_normal((5, dimensions)))
    covers = generator.integers(-1, count, (20, 3))
    covers[:, 0] = truth
    return queries, references, truth, covers


KINDS = ("noise", "collapsed", "untrained", "cities", "signs", "copies", "sparse")


@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_oracle_on_larger_sets(kind, monkeypatch):
    """With little to be scored again, all ways through a tile are taken."""
    case = large_case(kind)
    expected = oracle(*case)
    for dtype, least, block in (
        ("float32", query_block.OPEN_LEAST, (20, 700)),
        ("float32", 0, (7, 128)),
        ("bfloat16", query_block.OPEN_LEAST, (20, 128)),
        ("float16", 0, (20, 700)),
    ):
        monkeypatch.setattr(query_block, "OPEN_LEAST", least)
        assert_equal(rank(*case, precision=dtype, block=block), expected)


def test_pairs_that_share_no_dimension_are_not_scored_one_by_one(monkeypatch):
    scored, honest = [], query_block.pair_scores

    def watched(queries, references, lines, columns):
        scored.append(len(lines))
        return honest(queries, references, lines, columns)

    monkeypatch.setattr(query_block, "pair_scores", watched)
    monkeypatch.setattr(query_block, "OPEN_LEAST", 0)
    case = large_case("sparse")
    for block in ((20, 700), (7, 128), (20, 100)):
        scored.clear()
        assert_equal(rank(*case, precision="bfloat16", block=block), oracle(*case))
        assert sum(scored) < 0.1 * 20 * 700


@pytest.mark.parametrize("kind", ["noise", "untrained", "signs"])
def test_any_product_within_the_bound_gives_the_same(kind, monkeypatch):
    """A product as wrong as the bound allows, in either direction, is caught by scoring again."""
    case = large_case(kind)
    expected = oracle(*case)
    honest, generator = looks.product, torch.Generator().manual_seed(0)

    def wrong(queries, references, depth=None):
        out = honest(queries, references, depth)
        if out.dtype != torch.float32:
            return out
        total = queries.shape[1] * 2.0**-24
        lengths = torch.linalg.vector_norm(queries, dim=1).outer(torch.linalg.vector_norm(references, dim=1))
        signs = torch.randint(0, 2, out.shape, generator=generator) * 2 - 1
        return out.add_(0.9 * total * lengths * signs)

    monkeypatch.setattr(looks, "product", wrong)
    assert_equal(rank(*case, block=(20, 256), precision="float32"), expected)


def test_a_bound_that_is_too_small_would_be_seen(monkeypatch):
    """The test above can fail: without the bound, a wrong product gives wrong ranks."""
    case = large_case("untrained")
    honest = looks.product

    def wrong(queries, references, depth=None):
        return honest(queries, references, depth).mul_(-1)

    monkeypatch.setattr(looks, "product", wrong)
    with pytest.raises(AssertionError):
        assert_equal(rank(*case, precision="float32"), oracle(*case))


def test_ties_count_against_the_truth_and_then_the_covers():
    rows = np.tile(np.float32([[0.6, 0.8]]), (6, 1))
    ranking = rank(rows[:1], rows, [2], [[4, -1, 4]], top=6)
    assert ranking.top_rows.tolist() == [[0, 1, 3, 5, 4, 2]]
    assert (ranking.rank.tolist(), ranking.ties.tolist()) == ([5], [5])
    assert ranking.rank_without_covers.tolist() == [4]


def test_constant_embeddings_rank_last():
    generator = np.random.default_rng(0)
    rows = np.tile(generator.standard_normal((1, 32)).astype(np.float32), (300, 1))
    ranking = rank(rows[:50], rows, generator.integers(0, 300, 50), np.full((50, 3), -1))
    assert (ranking.rank == 299).all() and (ranking.ties == 299).all()


def test_one_query_and_one_reference():
    found = rank(np.ones((1, 3), np.float32), np.ones((1, 3), np.float32), [0], np.empty((1, 0), int))
    assert found.rank.tolist() == [0] and found.top_rows.tolist() == [[0]]
    assert found.top_scores[0, 0] == pytest.approx(1)


def test_shuffled_truth_ranks_by_chance():
    generator = np.random.default_rng(1)
    references = generator.standard_normal((400, 24)).astype(np.float32)
    queries = references + 0.1 * generator.standard_normal((400, 24)).astype(np.float32)
    none = np.full((400, 1), -1)
    assert (rank(queries, references, np.arange(400), none).rank == 0).all()
    shuffled = rank(queries, references, generator.permutation(400), none).rank
    assert 150 < shuffled.mean() < 250


def test_settings_of_torch_are_as_before():
    case = large_case("noise")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert_equal(rank(*case, precision="float32"), oracle(*case))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 3])
def test_workers_change_nothing(kind, count, monkeypatch):
    monkeypatch.setattr(ranking, "workers", lambda device: count)
    case = large_case(kind)
    for block in ((7, 128), None):
        assert_equal(rank(*case, precision="bfloat16", block=block), oracle(*case))


def test_coarse_products_are_only_used_where_they_pay(monkeypatch):
    """Embeddings whose scores a type cannot tell apart make the search go on in the next finer one."""
    monkeypatch.setattr(ranking, "workers", lambda device: 1)
    used = []
    honest = looks.product

    def watched(queries, references, depth=None):
        used.append(queries.dtype)
        return honest(queries, references, depth)

    monkeypatch.setattr(looks, "product", watched)
    monkeypatch.setattr(query_block, "OPEN_LEAST", 0)
    rank(*large_case("cities"), precision="bfloat16", block=(20, 128))
    assert list(dict.fromkeys(used)) == [torch.bfloat16, torch.float32, torch.float64]
    assert torch.bfloat16 not in used[used.index(torch.float32) :]
    used.clear()
    references = unit(np.random.default_rng(0).standard_normal((512, 64)))
    truth = np.arange(0, 512, 64)  # one to a tile
    queries = unit(references[truth] + 0.01)
    rank(queries, references, truth, np.full((8, 1), -1), top=1, precision="bfloat16", block=(8, 64))
    assert set(used) == {torch.bfloat16}


@pytest.mark.parametrize("noise", [1e-3, 1e-8])
def test_references_that_come_ever_closer(noise, monkeypatch):
    """Each is a rival for the first place: more than are kept unscored, and where all tie, too."""
    monkeypatch.setattr(query_block, "RIVALS_PER_PLACE", 1)
    generator = np.random.default_rng(5)
    centre = generator.standard_normal(16)
    references = unit(centre + noise * generator.standard_normal((500, 16)))
    references = references[np.argsort(references.astype(np.float64) @ centre)]
    case = unit(centre[None]).repeat(3, 0), references, np.array([0, 250, 499]), np.array([[498], [-1], [3]])
    for block in ((3, 500), (2, 40)):
        for top in (1, 20):
            assert_equal(rank(*case, top=top, block=block, precision="float32"), oracle(*case, top=top))


def test_a_tie_with_the_last_of_the_best_comes_before_it_where_that_is_a_cover():
    """The first 200 references are covers: they fill the places until others of their score come."""
    queries, references = np.ones((64, 4), np.float32), np.ones((400, 4), np.float32)
    case = queries, references, np.arange(64) + 300, np.tile(np.arange(200), (64, 1))
    assert_equal(rank(*case, top=20, block=(64, 40)), oracle(*case, top=20))


def test_a_type_is_tried_in_vain_on_few_references_only(monkeypatch):
    monkeypatch.setattr(ranking, "workers", lambda device: 1)
    sizes = {}
    honest = looks.product

    def watched(queries, references, depth=None):
        sizes.setdefault((queries.dtype, depth), []).append(len(references))
        return honest(queries, references, depth)

    monkeypatch.setattr(looks, "product", watched)
    monkeypatch.setattr(query_block, "OPEN_LEAST", 0)
    case = large_case("cities")
    assert_equal(rank(*case, precision="bfloat16", block=(20, 400)), oracle(*case))
    few = [int(400 * ranking.FIRST_BLOCK)]
    in_steps = torch.float32, looks.DEPTH
    assert sizes[torch.bfloat16, None] == sizes[torch.float32, None] == sizes[in_steps] == few
    assert sizes[torch.float64, None] == [*few, 400, 200]
    sizes.clear()
    rows = unit(np.random.default_rng(0).standard_normal((720, 1024)))
    truth = np.arange(20)
    rank(rows[:20], rows[20:], truth, np.full((20, 1), -1), precision="bfloat16", block=(20, 400))
    assert sizes[torch.bfloat16, None] == few and sizes[in_steps][-1] == 200


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_same(kind):
    case = large_case(kind)
    expected = oracle(*case)
    for dtype in PRECISIONS:
        assert_equal(rank(*case, precision=dtype, block=(7, 128), device=torch.device("cuda")), expected)
