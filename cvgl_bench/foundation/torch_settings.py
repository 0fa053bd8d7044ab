"""Settings of PyTorch that last as long as some work does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def exact_products() -> Iterator[None]:
    """Let no product be computed in a type coarser than asked for (TF32, reduced accumulation)."""
    cuda, reduced = torch.backends.cuda.matmul, "reduced_precision_reduction"
    with ExitStack() as before:
        before.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")
        for name in (f"allow_fp16_{reduced}", f"allow_bf16_{reduced}", "allow_fp16_accumulation"):
            if hasattr(cuda, name):  # the last one came with torch 2.7
                before.callback(setattr, cuda, name, getattr(cuda, name))
                setattr(cuda, name, False)
        yield


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch split a step of its work among `count` threads, afterwards among as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
