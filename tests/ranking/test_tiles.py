"""A scan of one tile against a look at every score."""

from __future__ import annotations

import pytest
import torch

from cvgl_bench.ranking import tiles

TYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]


def scanned(scores, limits, entry, copies=None, most=1.0):
    found = tiles.scan(tiles.in_order(scores.clone()), limits, entry, copies, most)
    listed = set(zip(found.lines.tolist(), found.columns.tolist(), strict=True))
    return found, listed


def pairs(found, chosen):
    return sorted(zip(found.lines[chosen].tolist(), found.columns[chosen].tolist(), strict=True))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("columns", [1, 5, 64, 320, 1024])
@pytest.mark.parametrize("depth", [0.0, -0.5, 2.0])
@pytest.mark.parametrize("bound", [0.05, 1e-9])
def test_scan_puts_every_score_in_its_place(dtype, columns, depth, bound):
    """`depth` moves the truth from the crowd to the top; a small bound leaves sure ties."""
    generator = torch.Generator().manual_seed(columns)
    scores = (torch.randn(9, columns, generator=generator) * 4).round().div(4).to(dtype)
    target = torch.full((9,), depth)
    shift, bounds = torch.zeros(9, dtype=torch.float64), torch.full((9,), bound, dtype=torch.float64)
    limits = tiles.limits_around(target, shift, bounds, dtype)
    entry = tiles.comparable(torch.full((9,), 1.5, dtype=torch.float64), dtype)
    copies = torch.randint(1, 4, (columns,), generator=generator) if columns > 5 else None
    weights = torch.ones(columns, dtype=torch.int64) if copies is None else copies
    found, _ = scanned(scores, limits, entry, copies)
    true = scores.double()
    above, tied = true > depth + bound, true == depth
    sure_ties = bool((limits[1] < limits[2]).all())
    assert sure_ties == (bound == 1e-9 and dtype == torch.float64 and depth != 0)
    expected = (true >= depth - bound) & ~above
    if sure_ties:
        assert torch.equal(found.ties, (tied * weights).sum(dim=1))
        expected &= ~tied
    assert pairs(found, found.undecided) == sorted(map(tuple, expected.nonzero().tolist()))
    assert pairs(found, found.contender) == sorted(map(tuple, (true >= 1.5).nonzero().tolist()))
    assert torch.equal(found.above, (above * weights).sum(dim=1))
    assert found.lines[found.contender].tolist() == sorted(found.lines[found.contender].tolist())


@pytest.mark.parametrize("dtype", TYPES)
def test_listed_values_are_those_of_the_scores(dtype):
    scores = torch.randn(4, 64).to(dtype)
    limits = tiles.limits_around(
        torch.zeros(4), torch.zeros(4, dtype=torch.float64), torch.full((4,), 3.0).double(), dtype
    )
    found, _ = scanned(scores, limits, tiles.comparable(torch.full((4,), -torch.inf), dtype))
    values, margin = tiles.widened(found.values, dtype)
    assert torch.equal(values, scores.double()[found.lines, found.columns])
    assert (margin > 0).all() if dtype in tiles.HALF_TYPES else (margin == 0).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_order_of_sixteen_bit_floats(dtype):
    values = torch.tensor([-torch.inf, -2, -1.5, -1e-3, 0, 1e-3, 1.5, 2, torch.inf])
    ordered = tiles.comparable(values, dtype)
    assert ordered.dtype == torch.int16 and (ordered[1:] > ordered[:-1]).all()
    assert torch.equal(tiles.in_order(values.to(dtype)), ordered)


@pytest.mark.parametrize("dtype", TYPES)
def test_limits_never_decide_wrongly(dtype):
    """Whatever a product within the bound stores, no limit calls an equal score above or below."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(500, generator=generator)
    shift = torch.randn(500, generator=generator).double() * 0.1
    for bound in (1e-2, 1e-7, 1e-10):
        limits = tiles.limits_around(target, shift, torch.full_like(shift, bound), dtype)
        for error in (-bound, 0, bound):
            stored = tiles.comparable(target.double() - shift + error, dtype)
            assert (stored >= limits[0]).all() and (stored < limits[3]).all()
        neighbour = torch.nextafter(target, torch.full_like(target, torch.inf)).double() - shift
        for error in (-bound, 0, bound):
            stored = tiles.comparable(neighbour + error, dtype)
            surely_tied = (stored >= limits[1]) & (stored < limits[2])
            assert not surely_tied.any()


def test_intervals_tell_a_score_where_rounding_leaves_no_doubt():
    values = torch.tensor([0.5, 0.5 + 2.0**-25, -0.0], dtype=torch.float64)
    zeros = torch.zeros(3, dtype=torch.int64)
    none = torch.zeros(3, dtype=torch.bool)
    found = tiles.Scan(zeros, zeros, values, none, none, zeros, zeros)
    shift = torch.zeros(1, dtype=torch.float64)
    sure = tiles.intervals(found, shift, torch.full((1,), 1e-12).double(), torch.float64)
    assert sure.scores[0] == 0.5 and sure.scores[1:].isnan().all()
    exact = tiles.intervals(found, shift, shift, torch.float64)
    assert exact.scores[2].view(torch.int32) == 0


def test_a_tile_with_too_much_to_look_at_is_left():
    scores = torch.ones(3, 128)
    zeros = torch.zeros(3, dtype=torch.float64)
    limits = tiles.limits_around(torch.ones(3), zeros, zeros + 1e-6, torch.float32)
    entry = torch.full((3,), 0.5)
    assert tiles.scan(scores, limits, entry, None, 0.5) is None
    assert tiles.scan(scores, limits, entry, None, 1.0) is not None


@pytest.mark.parametrize("columns", [1, 63, 1024, 2048])
def test_count_counts(columns):
    mask = torch.rand(7, columns) < 0.5
    assert torch.equal(tiles.count(mask), mask.sum(dim=1))
    copies = torch.randint(1, 5, (columns,))
    assert torch.equal(tiles.count(mask, copies), (mask * copies).sum(dim=1))
