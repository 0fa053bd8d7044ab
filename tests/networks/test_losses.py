from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cvgl_bench.networks.losses import symmetric_info_nce


def info_nce_by_definition(a: np.ndarray, b: np.ndarray, scale: float, smoothing: float) -> float:
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    count, total = len(a), 0.0
    for logits in (scale * a @ b.T, scale * b @ a.T):
        for row in range(count):
            log_p = logits[row] - math.log(sum(math.exp(value) for value in logits[row]))
            target = np.full(count, smoothing / count)
            target[row] += 1 - smoothing
            total -= float(target @ log_p) / count
    return total / 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_agrees_with_the_definition_on_vectors_of_any_length(smoothing: float) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(6, 4)) * 7, generator.normal(size=(6, 4))
    loss = symmetric_info_nce(
        torch.from_numpy(a).float(),
        torch.from_numpy(b).float(),
        torch.tensor(math.log(1 / 0.07)),
        label_smoothing=smoothing,
    )
    assert loss.item() == pytest.approx(info_nce_by_definition(a, b, 1 / 0.07, smoothing), rel=1e-5)


def test_is_symmetric_and_zero_for_a_sure_match() -> None:
    a, b = torch.randn(5, 8), torch.randn(5, 8)
    log_scale = torch.tensor(1.0)
    assert symmetric_info_nce(a, b, log_scale).item() == pytest.approx(
        symmetric_info_nce(b, a, log_scale).item()
    )
    assert symmetric_info_nce(torch.eye(5), torch.eye(5), torch.tensor(5.0)).item() < 1e-6


def test_a_collapsed_network_pays_the_logarithm_of_the_batch() -> None:
    same = torch.ones(9, 4)
    assert symmetric_info_nce(same, same, torch.tensor(2.0)).item() == pytest.approx(math.log(9), rel=1e-6)


def test_half_precision_input_is_computed_in_float32_under_autocast() -> None:
    a, b = torch.randn(16, 32), torch.randn(16, 32)
    log_scale = torch.tensor(math.log(100.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = symmetric_info_nce(a.bfloat16(), b.bfloat16(), log_scale)
    assert loss.dtype == torch.float32
    exact = symmetric_info_nce(a.bfloat16().float(), b.bfloat16().float(), log_scale)
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)


def test_gradients_reach_both_views_and_the_scale() -> None:
    a, b = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    log_scale = torch.tensor(1.0, requires_grad=True)
    symmetric_info_nce(a, b, log_scale, label_smoothing=0.1).backward()
    for tensor in (a, b, log_scale):
        assert tensor.grad.isfinite().all() and tensor.grad.abs().sum() > 0
