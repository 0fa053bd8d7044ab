"""Settings of torch last as long as the work, and are then as before."""

import pytest
import torch

from cvgl_bench.foundation.torch_settings import exact_products, torch_threads


def test_exact_products_restores_what_it_found():
    cuda = torch.backends.cuda.matmul
    before = torch.get_float32_matmul_precision(), cuda.allow_bf16_reduced_precision_reduction
    with pytest.raises(RuntimeError, match="inside"), exact_products():
        assert torch.get_float32_matmul_precision() == "highest"
        assert not cuda.allow_bf16_reduced_precision_reduction
        assert not cuda.allow_fp16_reduced_precision_reduction
        raise RuntimeError("inside")
    assert (torch.get_float32_matmul_precision(), cuda.allow_bf16_reduced_precision_reduction) == before


def test_threads_of_torch_last_as_long_as_the_work():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
