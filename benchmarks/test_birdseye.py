"""A 384 x 384 bird's-eye view of a 2048 x 1024 panorama on one core, and what accuracy it has.

The plain way is that of the published code: the grid anew for each image, the whole panorama to float,
grid_sample, truncation. `pytest benchmarks/test_birdseye.py --benchmark-columns=min,median`
"""

import math
import time

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from cvgl_bench.views import birdseye

SIDE = 384
PANORAMA = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def one_core():
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])


def plain(panorama, dtype=torch.float32):
    """The formula of the paper, image by image; returns unrounded grey levels (h, w, 3)."""
    steps = torch.arange(SIDE, dtype=dtype)
    north, west = torch.meshgrid(SIDE / 2 - steps, SIDE / 2 - steps, indexing="ij")
    depth = torch.full_like(north, SIDE / 2 / math.tan(math.radians(birdseye.FOV_DEG) / 2))
    t = math.pi / 2 - torch.atan2(depth, torch.hypot(north, west))
    p = torch.atan2(west, north) + math.pi
    grid = torch.stack([1 - p / math.pi, 1 - 2 * t / math.pi], dim=-1)[None]
    image = torch.from_numpy(panorama).permute(2, 0, 1)[None].to(dtype)
    view = functional.grid_sample(image, grid, align_corners=True)
    return view[0].permute(1, 2, 0)


def with_fixed_point(panorama, maps):
    """OpenCV's fixed-point maps, which round positions to 1/32 pixel: what speed costs in accuracy."""
    return cv2.remap(panorama, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


@pytest.mark.benchmark(group="birdseye")
def test_project(benchmark):
    benchmark(birdseye.project, PANORAMA)


@pytest.mark.benchmark(group="birdseye")
def test_plain(benchmark):
    benchmark(lambda: plain(PANORAMA).byte().numpy())


@pytest.mark.benchmark(group="birdseye")
def test_fixed_point(benchmark):
    camera = birdseye._Camera((SIDE, SIDE), birdseye.FOV_DEG, 0.0, "centred", 0.0)
    sampling = birdseye._sampling(camera, *PANORAMA.shape[:2])
    maps = cv2.convertMaps(*np.moveaxis(sampling.xy, -1, 0).copy(), cv2.CV_16SC2)
    rows = PANORAMA[sampling.first : sampling.stop]
    view = benchmark(with_fixed_point, rows, maps)
    assert np.abs(view.astype(int) - birdseye.project(PANORAMA)).max() > 1


def test_accuracy(capsys):
    exact = plain(PANORAMA, torch.float64).numpy()
    error = np.abs(birdseye.project(PANORAMA, centre="published") - exact)
    with capsys.disabled():
        print(f"\nagainst float64 on noise: at most {error.max():.2f}, mean {error.mean():.3f} grey levels")
    assert error.max() <= 1 and error.mean() < 0.3


def test_ratio(capsys):
    """In turns of ten, so that other work on the machine slows both alike."""
    ours, theirs = [], []
    for _ in range(8):
        ours += [seconds(lambda: birdseye.project(PANORAMA)) for _ in range(10)]
        theirs += [seconds(lambda: plain(PANORAMA).byte().numpy()) for _ in range(10)]
    ours_ms, theirs_ms = 1e3 * np.median(ours), 1e3 * np.median(theirs)
    with capsys.disabled():
        print(f"\nproject {ours_ms:.2f} ms, plain {theirs_ms:.2f} ms, ratio {theirs_ms / ours_ms:.1f}")
    assert theirs_ms > 6 * ours_ms


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
