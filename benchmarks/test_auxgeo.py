"""What AuxGeo's position constraint adds to a training step: `pytest benchmarks/test_auxgeo.py`.

ConvNeXt-Atto at the published image sizes: of ConvNeXt-B's work the backbone keeps a thirtieth, the
position loss a third, so the share that is measured here bounds the published network's.
"""

import time

import numpy as np
import pytest
import torch

pytest.importorskip("cvgl_auxgeo", reason="the plugin cvgl-auxgeo is not installed")

from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_auxgeo.position import position_errors, position_loss

from cvgl_bench.testing import loss_terms

PAIRS, CHANNELS, CELLS = 2, 320, 12
ROUNDS = 5


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def position_step(features, parts, position):
    errors = position_errors(features, parts, position, temperature=0.05, target="centred")
    (0.05 * position_loss(errors)).backward()


def test_position_constraint_in_a_training_step(capsys):
    """In turns: a step without the position loss, and that loss forth and back on features of its size."""
    torch.manual_seed(0)
    method = AuxGeo(AuxGeoOptions(backbone="convnext_atto", weights="none", pcm=False))
    network = method.build().train()
    batch = {
        "query": torch.randn(PAIRS, 3, 384, 768),
        "reference": torch.randn(PAIRS, 3, 384, 384),
        "birdseye": torch.randn(PAIRS, 3, 384, 384),
    }
    features = torch.randn(PAIRS, 2, CHANNELS, requires_grad=True)
    parts = torch.randn(PAIRS, CHANNELS, CELLS, CELLS, requires_grad=True)
    position = torch.rand(PAIRS, 2)
    steps, added = [], []
    for _ in range(ROUNDS):
        steps.append(seconds(lambda: sum(loss_terms(method, network, batch).values()).backward()))
        added.append(seconds(lambda: position_step(features, parts, position)))
    step_ms, added_ms = 1e3 * np.median(steps), 1e3 * np.median(added)
    with capsys.disabled():
        print(f"\nstep {step_ms:.0f} ms, position loss {added_ms:.1f} ms, share {added_ms / step_ms:.2%}")
    assert added_ms < 0.03 * step_ms
