"""The bound of a look holds, and shrinks with the type and the steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvgl_bench.ranking.exact import pair_scores
from cvgl_bench.ranking.looks import compare, look, operand, places, product

TYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def rows(kind, count, dimensions, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, dimensions, generator=generator)
    if kind == "equal":
        values = values[:1].expand(count, -1).clone()
    elif kind == "positive":
        values = values.abs()
    elif kind == "tiny":
        values[:, 1:] *= 1e-6
    elif kind == "close":
        values = 1 + 1e-4 * values
    return torch.nn.functional.normalize(values)


def looked(queries, references, dtype, depth=None):
    scores, bound = look(operand(queries, dtype), operand(references, dtype), depth=depth)
    return scores.double(), bound


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["noise", "equal", "positive", "tiny", "close"])
@pytest.mark.parametrize("depth", [None, 48])
def test_scores_lie_within_the_bound(dtype, kind, depth):
    queries, references = rows(kind, 20, 200, 0), rows(kind, 60, 200, 1)
    got, bound = looked(queries, references, dtype, depth)
    true = queries.double() @ references.double().T
    assert ((got - true).abs() <= bound).all()
    lines, columns = (each.reshape(-1) for each in np.indices((20, 60)))
    scores = pair_scores(queries, references.__getitem__, torch.from_numpy(lines), torch.from_numpy(columns))
    rounding = torch.finfo(torch.float32).eps / 2
    assert ((got - scores.view(20, 60)).abs() <= bound + rounding).all()


def test_bound_is_not_idle():
    """It shrinks in a finer type and in steps: a constant would be no bound worth having."""
    queries, references = rows("noise", 4, 64, 0), rows("noise", 9, 64, 1)
    bounds = [
        looked(queries, references, dtype)[1]
        for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    ]
    assert bounds[0] > 4 * bounds[1] > 16 * bounds[2] > 2**20 * bounds[3] > 0
    assert looked(queries, references, torch.float32, 16)[1] < bounds[2] / 2


@pytest.mark.parametrize("dtype", TYPES)
def test_products_of_this_machine_keep_to_the_bound(dtype):
    """At a size for which libraries take the ways that they take for large products."""
    queries, references = rows("positive", 128, 1024, 0), rows("positive", 512, 1024, 1)
    got, bound = looked(queries, references, dtype)
    assert ((got - queries.double() @ references.double().T).abs() <= bound).all()


def test_cast_measures_what_is_lost():
    values = torch.tensor([[1.0, 2.0**-12], [0.5, 0.25]])
    assert operand(values, torch.bfloat16).lost == 0
    values[0, 0] += 2.0**-10
    assert 2.0**-10 <= operand(values, torch.bfloat16).lost < 2.0**-9
    assert operand(values, torch.float64).lost == 0


def test_product_takes_any_depth():
    queries, references = torch.randn(3, 10), torch.randn(5, 10)
    for depth in (None, 1, 3, 4, 10, 99):
        torch.testing.assert_close(product(queries, references, depth), queries @ references.T)


def test_float32_rows_are_not_copied():
    references = rows("noise", 40, 24, 1)
    assert operand(references, torch.float32).values.data_ptr() == references.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compare_leaves_out_none_that_reaches_and_takes_none_that_does_not_exceed(dtype):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(50, 3, generator=generator).to(dtype)
    limits = scores[:, 0].double() + 1e-9 * torch.randn(50, generator=generator).double()
    limits[::5] = scores[::5, 0].double()
    reached, beyond = compare(scores, limits), compare(scores, limits, beyond=True)
    assert reached[scores.double() >= limits[:, None]].all()
    assert (scores.double()[beyond] > limits[:, None].expand(-1, 3)[beyond]).all()


def test_places():
    mask = torch.rand(7, 33, generator=torch.Generator().manual_seed(0)) < 0.3
    assert torch.equal(torch.stack(places(mask)), mask.nonzero().T)
