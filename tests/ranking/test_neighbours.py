"""Nearest references by faiss, exact unless asked otherwise."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cvgl_bench.foundation.errors import EmbeddingError, OptionError, UsageError
from cvgl_bench.ranking import nearest, neighbours

faiss = pytest.importorskip("faiss")


def clustered(count, dimensions=32, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((40, dimensions))
    rows = centres[generator.integers(0, 40, count)] + 0.3 * generator.standard_normal((count, dimensions))
    return rows.astype(np.float32)


def exact(queries, references, k):
    queries, references = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, references)
    )
    return np.argsort(-(queries.astype(np.float64) @ references.T.astype(np.float64)), axis=1)[:, :k]


def test_flat_is_exact_however_it_is_cut(monkeypatch):
    queries, references = clustered(70, seed=1), clustered(300)
    expected = exact(queries, references, 12)
    for query_rows, reference_rows in ((8192, 65536), (30, 70)):
        monkeypatch.setattr(neighbours, "QUERY_ROWS", query_rows)
        monkeypatch.setattr(neighbours, "REFERENCE_ROWS", reference_rows)
        found = nearest(queries, references, 12)
        np.testing.assert_array_equal(found.rows, expected)
        assert found.recall == 1 and found.index == "flat" and "exact" in str(found)
    assert (np.diff(found.scores, axis=1) <= 0).all() and found.rows.dtype == np.int64
    assert found.scores[0, 0] == pytest.approx(
        queries[0]
        @ references[expected[0, 0]]
        / np.linalg.norm(queries[0])
        / np.linalg.norm(references[expected[0, 0]]),
        abs=1e-5,
    )


def test_fewer_references_than_asked_for():
    found = nearest(clustered(4, seed=1), clustered(6), 128)
    assert found.rows.shape == (4, 6) and (np.sort(found.rows, axis=1) == np.arange(6)).all()


def test_memory_maps_are_read(tmp_path):
    np.save(tmp_path / "r.npy", clustered(50))
    mapped = np.load(tmp_path / "r.npy", mmap_mode="r")
    np.testing.assert_array_equal(nearest(mapped, mapped, 1).rows[:, 0], np.arange(50))


@pytest.mark.parametrize("index", ["ivf", "ivf-pq"])
def test_recall_of_an_approximate_index_is_measured(monkeypatch, index):
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 1000)
    monkeypatch.setattr(neighbours, "CELL_REFERENCES", 100)
    monkeypatch.setattr(neighbours, "VISITED_SHARE", 0.25)
    references, queries = clustered(12000, 16), clustered(100, 16, seed=1)
    found = nearest(queries, references, 10, index=index)
    true = exact(queries, references, 10)
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(true, found.rows, strict=True)])
    assert found.recall == pytest.approx(recall, abs=0.005) and 0.3 < recall
    assert f"{found.recall:.1%} of the exact" in str(found) and found.index == index


class Resources:
    """Stands for the memory of a GPU."""


def test_a_gpu_searches_what_it_can(monkeypatch):
    """With faiss's functions for a GPU replaced by those that do the same on a CPU."""
    used = []

    def knn_gpu(resources, queries, references, **options):
        used.append("flat")
        return faiss.knn(queries, references, **options)

    def index_cpu_to_gpu(resources, number, index):
        used.append("index")
        return index

    fakes = {"knn_gpu": knn_gpu, "index_cpu_to_gpu": index_cpu_to_gpu, "StandardGpuResources": Resources}
    for name, fake in fakes.items():
        monkeypatch.setattr(faiss, name, fake, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 1000)
    references, queries = clustered(4000, 16), clustered(20, 16, seed=1)
    expected = exact(queries, references, 5)
    for index, way in (("flat", ["flat"]), ("ivf", ["index", "flat"]), ("ivf-pq", ["flat"])):
        used.clear()
        found = nearest(queries, references, 5, index=index)
        assert used == way and found.index == index
        if index == "flat":
            np.testing.assert_array_equal(found.rows, expected)


def test_few_references_are_searched_exactly_whatever_the_index():
    found = nearest(clustered(5, seed=1), clustered(120), 3, index="ivf-pq")
    assert found.index == "flat" and found.recall == 1


def test_every_query_gets_its_k(monkeypatch):
    """Where the visited cells hold too few references, more are visited."""
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 1000)
    references = clustered(4000)
    found = nearest(references[:20], references, 900, index="ivf")
    assert (found.rows >= 0).all() and all(len(set(rows)) == 900 for rows in found.rows.tolist())


def test_without_faiss_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UsageError, match=r"cvgl-bench\[cpu\], or cvgl-bench\[gpu\]"):
        nearest(clustered(2), clustered(3), 1)


def test_wrong_requests_are_refused(monkeypatch):
    with pytest.raises(OptionError, match="index 'hnsw'"):
        nearest(clustered(2), clustered(3), 1, index="hnsw")
    with pytest.raises(OptionError, match="k is 0"):
        nearest(clustered(2), clustered(3), 0)
    bad = clustered(3)
    bad[1, 1] = np.nan
    with pytest.raises(EmbeddingError, match="1 of 3 reference embeddings are NaN"):
        nearest(clustered(2), bad, 1)
    with pytest.raises(EmbeddingError, match="dimensions"):
        nearest(clustered(2), clustered(3, 16), 1)
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 10)
    with pytest.raises(OptionError, match="multiple of 8 dimensions.*30"):
        nearest(clustered(20, 30), clustered(500, 30), 1, index="ivf-pq")


def test_progress_is_reported():
    class Counter:
        total = done = 0

        def set_total(self, total):
            self.total = total

        def advance(self, count=1):
            self.done += count

    counter = Counter()
    nearest(clustered(9), clustered(30), 2, progress=counter)
    assert counter.done == counter.total == 9
