"""The bound of a product holds, and the settings of torch do not weaken it."""

from __future__ import annotations

import pytest
import torch

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.ranking import precision
from cvgl_bench.ranking.precision import cast, exact_products, product_bound, resolve, split_product
from cvgl_bench.ranking.scores import float64_bound

TYPES = [torch.float32, torch.bfloat16, torch.float16]


def rows(kind, count, dimensions, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, dimensions, generator=generator)
    if kind == "equal":
        values = values[:1].expand(count, -1).clone()
    elif kind == "positive":
        values = values.abs()
    elif kind == "tiny":
        values[:, 1:] *= 1e-6
    return torch.nn.functional.normalize(values)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("kind", ["noise", "equal", "positive", "tiny"])
@pytest.mark.parametrize("splits", [1, 4])
def test_scores_lie_within_the_bound(dtype, kind, splits):
    queries, references = rows(kind, 20, 200, 0), rows(kind, 60, 200, 1)
    left, right = cast(queries, dtype), cast(references, dtype)
    got = split_product(left.values, right.values, splits, out=torch.empty(20, 60, dtype=dtype))
    true = queries.double() @ references.double().T
    bound = product_bound(left, right, splits)[:, None] + float64_bound(200)
    assert ((true - bound).to(dtype) <= got).all() and (got <= (true + bound).to(dtype)).all()


def test_bound_is_not_idle():
    """It shrinks with the rows and in a finer type: a constant would be no bound worth having."""
    queries, references = rows("noise", 4, 64, 0), rows("noise", 9, 64, 1)
    bounds = [
        product_bound(cast(queries, dtype), cast(references, dtype)).max()
        for dtype in (torch.bfloat16, torch.float16, torch.float32)
    ]
    assert bounds[0] > 4 * bounds[1] > 16 * bounds[2] > 0
    small = product_bound(cast(queries, torch.float32), cast(references * 1e-3, torch.float32))
    assert small.max() < 2e-3 * bounds[2]
    split = product_bound(cast(queries, torch.float32), cast(references, torch.float32), 4)
    assert split.max() < bounds[2] / 2


def test_cast_measures_what_is_lost():
    values = torch.tensor([[1.0, 2.0**-12], [0.5, 0.25]])
    operand = cast(values, torch.bfloat16)
    assert operand.lost[0] == 0 and operand.lost[1] == 0
    values[0, 0] += 2.0**-10
    operand = cast(values, torch.bfloat16)
    assert operand.lost[0] >= 2.0**-10 and operand.lost[1] == 0


def test_split_product_takes_any_width():
    queries, references = torch.randn(3, 10), torch.randn(5, 10)
    for splits in (1, 3, 4, 10):
        got = split_product(queries, references, splits, out=torch.empty(3, 5))
        torch.testing.assert_close(got, queries @ references.T)


def test_exact_products_restores_what_it_found():
    cuda = torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), cuda.allow_bf16_reduced_precision_reduction
    with pytest.raises(RuntimeError, match="inside"), exact_products():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not cuda.allow_bf16_reduced_precision_reduction
        assert not cuda.allow_fp16_reduced_precision_reduction
        raise RuntimeError("inside")
    assert (torch.get_float32_matmul_precision(), cuda.allow_bf16_reduced_precision_reduction) == before


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({torch.float32: 1.0, torch.bfloat16: 9.0, torch.float16: 9.0}, torch.float32),
        ({torch.float32: 1.0, torch.bfloat16: 0.9, torch.float16: 0.9}, torch.float32),
        ({torch.float32: 1.0, torch.bfloat16: 0.2, torch.float16: 9.0}, torch.bfloat16),
        ({torch.float32: 1.0, torch.bfloat16: 0.2, torch.float16: 0.21}, torch.float16),
    ],
)
def test_auto_takes_the_fastest_and_the_finer_of_two(monkeypatch, taken, expected):
    monkeypatch.setattr(precision, "_trial", lambda device, dtype: (taken[dtype], True))
    precision._fastest.cache_clear()
    assert resolve("auto", torch.device("cpu")) == expected
    precision._fastest.cache_clear()


def test_a_type_that_breaks_the_bound_is_never_taken(monkeypatch):
    monkeypatch.setattr(
        precision, "_trial", lambda device, dtype: (0.1 if dtype != torch.float32 else 1, False)
    )
    precision._fastest.cache_clear()
    assert resolve("auto", torch.device("cpu")) == torch.float32
    precision._fastest.cache_clear()
    with pytest.raises(OptionError, match="bfloat16 are not reliable on cpu"):
        resolve("bfloat16", torch.device("cpu"))


def test_the_trial_finds_this_machine_sound():
    for dtype in TYPES:
        taken_s, sound = precision._trial(torch.device("cpu"), dtype)
        assert sound and taken_s > 0
    assert torch.get_num_threads() >= 1


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="Precision 'int8' is unknown"):
        resolve("int8", torch.device("cpu"))
