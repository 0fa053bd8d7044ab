"""The bound of a product holds, and the settings of torch do not weaken it."""

from __future__ import annotations

import pytest
import torch

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.ranking import precision
from cvgl_bench.ranking.precision import exact_products, resolve

TYPES = [torch.float32, torch.bfloat16, torch.float16]


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
