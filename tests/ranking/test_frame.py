"""Products taken about the centres are the same scores with less rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvgl_bench.ranking.frame import Frame, Origin, frame_of
from cvgl_bench.ranking.precision import product_bound
from cvgl_bench.ranking.rows import Rows
from cvgl_bench.ranking.scores import float64_bound

TYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def rows(noise, seed, count=80, dimensions=24):
    generator = np.random.default_rng(seed)
    centre = np.random.default_rng(9).standard_normal((1, dimensions)) + 0.3 * (seed % 2)
    values = centre + noise * generator.standard_normal((count, dimensions))
    return Rows(values.astype(np.float32), "query", device=torch.device("cpu"), normalise=True)


@pytest.mark.parametrize("noise", [0.3, 0.05, 1e-4, 0.0])
@pytest.mark.parametrize("dtype", TYPES)
def test_scores_in_a_frame_lie_within_the_bound(noise, dtype):
    queries, references = rows(noise, 0), rows(noise, 1)
    frame = frame_of(queries, references)
    assert isinstance(frame, Frame)
    left, right = queries.take(slice(0, 80)), references.take(slice(0, 80))
    a, b = frame.queries(left, dtype), frame.references(right, dtype)
    shift = frame.shift(left)[:, None]
    true = left.double() @ right.double().T
    bound = product_bound(a, b)[:, None] + 2 * float64_bound(24)
    got = a.values @ b.values.T
    assert ((true - shift - bound).to(dtype) <= got).all()
    assert (got <= (true - shift + bound).to(dtype)).all()


def test_a_frame_narrows_the_bound():
    queries, references = rows(0.05, 0), rows(0.05, 1)
    left, right = queries.take(slice(0, 80)), references.take(slice(0, 80))
    frame = frame_of(queries, references)
    for dtype in TYPES[1:]:
        inside = product_bound(frame.queries(left, dtype), frame.references(right, dtype)).max()
        outside = product_bound(Origin().queries(left, dtype), Origin().references(right, dtype)).max()
        assert inside < outside / 10


def test_embeddings_around_the_origin_are_left_alone():
    queries, references = rows(20.0, 0), rows(20.0, 1)
    frame = frame_of(queries, references)
    assert isinstance(frame, Origin)
    taken = references.take(slice(0, 8))
    assert frame.references(taken, torch.float32).values.data_ptr() == taken.data_ptr()
    assert (frame.shift(taken) == 0).all()
