"""Rows are read as they are, or brought to unit length, always to the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvgl_bench.foundation.errors import EmbeddingError
from cvgl_bench.ranking.rows import Rows, require_same_dimensions

CPU = torch.device("cpu")


def read(values, normalise=True):
    return Rows(values, "reference", device=CPU, normalise=normalise)


@pytest.mark.parametrize("dimensions", [3, 128, 256])
def test_unit_rows_are_not_touched(dimensions):
    values = torch.nn.functional.normalize(torch.randn(40, dimensions)).numpy()
    taken = read(values, normalise=False).take(slice(5, 30))
    assert taken.data_ptr() == values[5:].ctypes.data
    np.testing.assert_array_equal(taken.numpy(), values[5:30])


@pytest.mark.parametrize("dimensions", [3, 128])
def test_other_rows_are_brought_to_unit_length(dimensions):
    values = np.random.default_rng(0).standard_normal((50, dimensions)).astype(np.float32) * 7
    values[10:20] = torch.nn.functional.normalize(torch.from_numpy(values[10:20])).numpy()
    taken = read(values).take(slice(0, 50)).numpy()
    np.testing.assert_allclose(np.linalg.norm(taken.astype(np.float64), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(taken[10:20], values[10:20])
    np.testing.assert_array_equal(read(values).take(np.array([3, 49, 3])).numpy(), taken[[3, 49, 3]])


def test_extreme_lengths_do_not_overflow():
    values = np.float32([[3e38, 3e38], [1e-38, 0]])
    np.testing.assert_allclose(read(values).take(slice(0, 2)).numpy(), [[0.5**0.5] * 2, [1, 0]], rtol=1e-6)


def test_memory_maps_are_read_without_a_warning(tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(6, dtype=np.float32))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert torch.equal(read(mapped).take(slice(2, 4)), torch.eye(6)[2:4])


def test_numbers_beyond_float32_are_refused_without_a_warning():
    with pytest.raises(EmbeddingError, match="1 of 2 reference embeddings are NaN or infinite"):
        read(np.array([[1.0, 0.0], [1e300, 0.0]]))


def test_nearly_unit_rows_are_refused_only_beyond_the_tolerance():
    read(np.float32([[1 + 4e-6, 0]]), normalise=False)
    with pytest.raises(EmbeddingError, match="1 of 1 reference embeddings are not of unit length"):
        read(np.float32([[1 + 4e-5, 0]]), normalise=False)


def test_sides_must_agree():
    with pytest.raises(EmbeddingError, match="3 dimensions, reference embeddings 4"):
        require_same_dimensions(read(np.eye(3)), read(np.eye(4)))
