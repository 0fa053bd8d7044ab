"""Speed of training and embedding at the published sizes: `pytest benchmarks/test_training.py -s`.

ConvNeXt-B, random weights, random images that lie on the GPU already, so that nothing but the network
is timed; and what one processor prepares of pairs in files of VIGOR's sizes. Set CVGL_BENCHMARK_PAIRS
for other batches than the published 128.
"""

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cvgl_sample4geo", reason="the plugin cvgl-sample4geo is not installed")
pytest.importorskip("cvgl_auxgeo", reason="the plugin cvgl-auxgeo is not installed")

from cvgl_auxgeo.method import AuxGeo
from cvgl_auxgeo.options import AuxGeoOptions
from cvgl_sample4geo.method import Sample4Geo
from cvgl_sample4geo.options import Sample4GeoOptions

from cvgl_bench.embedding.images import autocast
from cvgl_bench.method import Pair
from cvgl_bench.networks.memory import recompute_activations
from cvgl_bench.testing import loss_terms
from cvgl_bench.views.images import read_image

PAIRS = int(os.environ.get("CVGL_BENCHMARK_PAIRS", 128))
WARM_UP, STEPS = 2, 5
TILE, PANORAMA = (384, 384), (384, 768)
VIGOR_PANORAMA, VIGOR_TILE = (2048, 1024), (640, 640)
"""Width and height of VIGOR's files, in pixels."""

METHODS = [Sample4Geo(Sample4GeoOptions(weights="none")), AuxGeo(AuxGeoOptions(weights="none"))]

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


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


@on_a_gpu
@each_method
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
            loss = sum(loss_terms(method, network, batch).values())
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    try:
        report(capsys, f"step of {method.name}, recompute {recompute}", seconds(step), PAIRS)
    except torch.cuda.OutOfMemoryError:
        pytest.skip(f"{PAIRS} pairs do not fit")


@on_a_gpu
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


@each_method
@pytest.mark.parametrize("decode", ["exact", "scaled"])
def test_preparing_a_pair(benchmark, capsys, method, decode, tmp_path):
    """Decode, augment, resize and, for AuxGeo, project: what a worker process does for each pair.

    In turns with OpenCV's plain full decoding of the same two files. Processor time, means over the draws of
    the augmentation.
    """
    files = tmp_path / "panorama.jpg", tmp_path / "tile.png"
    for file, size in zip(files, (VIGOR_PANORAMA, VIGOR_TILE), strict=True):
        photograph(size).save(file, quality=95)
    generator = np.random.default_rng(0)
    least = [method.least_size(view) if decode == "scaled" else None for view in ("query", "reference")]

    def prepare():
        panorama, tile = (read_image(file, least=size) for file, size in zip(files, least, strict=True))
        method.prepare_pair(Pair(panorama, tile, (300.0, 200.0)), generator)

    def decode_alone():
        for file in files:
            cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    taken = {decode_alone: [], prepare: []}

    def in_turns():
        for work, seconds_taken in taken.items():
            began = time.process_time()
            work()
            seconds_taken.append(time.process_time() - began)

    benchmark.pedantic(in_turns, rounds=100, warmup_rounds=3)
    plain_ms, pair_ms = (1e3 * float(np.mean(seconds_taken)) for seconds_taken in taken.values())
    with capsys.disabled():
        print(
            f"\npair of {method.name}, {decode}, on one processor: {pair_ms:.1f} ms, "
            f"{1e3 / pair_ms:.0f} pairs/s, {pair_ms / plain_ms:.2f} times OpenCV alone ({plain_ms:.1f} ms)"
        )


def photograph(size):
    """A real panorama of the sample data where they are at hand, or else scenery."""
    folder = os.environ.get("CVGL_SAMPLE_DATA")
    path = Path(folder or "") / "panoramas" / "1.jpg"
    if not folder or not path.is_file():
        return scenery(size)
    whole = Image.fromarray(read_image(path)).resize(VIGOR_PANORAMA, Image.Resampling.LANCZOS)
    below_horizon = VIGOR_PANORAMA[1] - size[1]
    return whole.crop((0, below_horizon, size[0], VIGOR_PANORAMA[1]))


def scenery(size):
    """Blobs with some noise, which compress and decode about as photographs do."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (size[1] // 16, size[0] // 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    noisy = smooth + generator.normal(0, 6, smooth.shape).astype(np.int16)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
