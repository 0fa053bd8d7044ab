"""The score is one number, however it is computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cvgl_bench.ranking import exact
from cvgl_bench.ranking.exact import float64_bound, pair_scores, sum_by_halves


def unit(generator, count, dimensions):
    return torch.nn.functional.normalize(torch.randn(count, dimensions, generator=generator))


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 100])
def test_sum_by_halves_adds_everything_once(width):
    powers = 2.0 ** -np.arange(width % 50)
    values = np.tile(np.resize(powers, width), (3, 1))
    expected = values[0].sum()
    np.testing.assert_allclose(sum_by_halves(torch.from_numpy(values)).numpy(), expected, rtol=1e-15)


def test_sum_by_halves_does_not_depend_on_the_rows_beside():
    values = torch.from_numpy(np.random.default_rng(0).standard_normal((50, 77)))
    together = sum_by_halves(values.clone())
    apart = [sum_by_halves(values[[row]])[0] for row in range(50)]
    np.testing.assert_array_equal(together, apart)


def test_pair_scores_are_the_true_products_rounded_once():
    generator = torch.Generator().manual_seed(0)
    queries, references = unit(generator, 4, 96), unit(generator, 50, 96)
    lines, columns = torch.randint(0, 4, (700,)), torch.randint(0, 50, (700,))
    got = pair_scores(queries, references.__getitem__, lines, columns)
    for line, column, score in zip(lines.tolist(), columns.tolist(), got.tolist(), strict=True):
        pairs = zip(queries[line].tolist(), references[column].tolist(), strict=True)
        assert score == np.float32(math.fsum(a * b for a, b in pairs))


def test_close_calls_do_not_depend_on_the_order_of_addition(monkeypatch):
    """Where a sum in another order may round to another score, the fixed order decides."""
    generator = torch.Generator().manual_seed(1)
    queries, references = unit(generator, 1, 64), unit(generator, 300, 64)
    lines, columns = torch.zeros(300, dtype=torch.int64), torch.arange(300)
    monkeypatch.setattr(exact, "float64_bound", lambda dimensions: 1.0)  # every score is a close call
    fixed = pair_scores(queries, references.__getitem__, lines, columns)
    monkeypatch.undo()
    assert torch.equal(fixed, pair_scores(queries, references.__getitem__, lines, columns))


def test_zero_has_no_sign():
    queries, references = torch.tensor([[1.0, 0.0]]), torch.tensor([[-0.0, 1.0], [0.0, -1.0]])
    got = pair_scores(queries, references.__getitem__, torch.tensor([0, 0]), torch.tensor([0, 1]))
    assert got.view(torch.int32).tolist() == [0, 0]


def test_no_pairs_give_no_scores():
    none = torch.empty(0, dtype=torch.int64)
    assert len(pair_scores(torch.ones(1, 4), torch.ones(1, 4).__getitem__, none, none)) == 0


def test_float64_bound_covers_any_order():
    rows = np.random.default_rng(2).standard_normal((200, 512))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products = rows[:100] * rows[100:]
    fixed = sum_by_halves(torch.from_numpy(products.copy())).numpy()
    for values in (products, products[:, ::-1], np.sort(products, axis=1)):
        apart = np.abs(np.cumsum(values, axis=1)[:, -1] - fixed)
        assert (apart <= float64_bound(512)).all()
