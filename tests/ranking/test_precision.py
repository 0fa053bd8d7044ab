"""The type of the first look."""

from __future__ import annotations

import pytest
import torch

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.ranking import precision
from cvgl_bench.ranking.precision import WEIGHTS, resolve


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
    monkeypatch.setattr(precision, "_product_s", lambda device, dtype: taken[dtype])
    precision._fastest.cache_clear()
    assert resolve("auto", torch.device("cpu")) == expected
    precision._fastest.cache_clear()


def test_auto_is_measured_once_on_this_machine():
    precision._fastest.cache_clear()
    assert resolve("auto", torch.device("cpu")) == resolve("auto", torch.device("cpu")) in WEIGHTS
    assert precision._fastest.cache_info().misses == 1


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_type_that_is_named_is_taken(name):
    assert str(resolve(name, torch.device("cpu"))) == f"torch.{name}"


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="Precision 'int8' is unknown"):
        resolve("int8", torch.device("cpu"))
