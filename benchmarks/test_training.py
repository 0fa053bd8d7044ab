"""Speed of training and embedding with the published networks: `pytest benchmarks/test_training.py -s`.

ConvNeXt-B at the published image sizes, random weights, random images that lie on the GPU already, so
that nothing but the network is timed. Set CVGL_BENCHMARK_PAIRS for other batches than the published 128.
"""

import os
import time

import numpy as np
import pytest
import torch

pytest.importorskip("cvgl_sample4geo", reason="the plugin cvgl-sample4geo is not installed")
pytest.importorskip("cvgl_auxgeo", reason="the plugin cvgl-auxgeo is not installed")

from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.embedding import autocast
from cvgl_bench.memory import recompute_activations

PAIRS = int(os.environ.get("CVGL_BENCHMARK_PAIRS", 128))
WARM_UP, STEPS = 2, 5
TILE, PANORAMA = (384, 384), (384, 768)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def batch_of(pairs):
    sizes = {"query": PANORAMA, "reference": TILE, "birdseye": TILE}
    batch = {name: torch.randn(pairs, 3, *size, device="cuda") for name, size in sizes.items()}
    return batch | {"position": torch.rand(pairs, 2, device="cuda")}


def seconds(work):
    times = []
    for _ in range(WARM_UP + STEPS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return float(np.median(times[WARM_UP:]))


def report(capsys, what, taken_s, pairs):
    with capsys.disabled():
        print(
            f"\n{what}, {torch.cuda.get_device_name()}: {pairs} pairs in {1e3 * taken_s:.0f} ms, "
            f"{pairs / taken_s:.0f} pairs/s, at most {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
        )


@pytest.mark.parametrize(
    "method",
    [Sample4Geo(Sample4GeoOptions(weights="none")), AuxGeo(AuxGeoOptions(weights="none"))],
    ids=["sample4geo", "auxgeo"],
)
@pytest.mark.parametrize("recompute", [False, True])
def test_training_step(method, recompute, capsys):
    network = method.build().train().cuda()
    if recompute:
        recompute_activations(network)
    optimizer, scaler = torch.optim.AdamW(network.parameters()), torch.amp.GradScaler()
    batch = batch_of(PAIRS)
    torch.cuda.reset_peak_memory_stats()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with autocast(torch.float16, torch.device("cuda")):
            loss = sum(method.loss(network, batch).values())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    try:
        report(capsys, f"step of {method.name}, recompute {recompute}", seconds(step), PAIRS)
    except torch.cuda.OutOfMemoryError:
        pytest.skip(f"{PAIRS} pairs do not fit")


def test_embedding(capsys):
    method = Sample4Geo(Sample4GeoOptions(weights="none"))
    network = method.build().eval().cuda()
    batch = batch_of(PAIRS)
    torch.cuda.reset_peak_memory_stats()

    def embed():
        with torch.inference_mode(), autocast(torch.float16, torch.device("cuda")):
            for view in ("query", "reference"):
                method.embed(network, batch[view], view)

    report(capsys, "embedding", seconds(embed), PAIRS)
