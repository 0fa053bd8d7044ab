"""What `rank` accepts, and what it refuses in one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvgl_bench.foundation.errors import EmbeddingError, OptionError
from cvgl_bench.ranking import rank

GENERATOR = np.random.default_rng(0)
QUERIES = GENERATOR.standard_normal((5, 8)).astype(np.float32)
REFERENCES = GENERATOR.standard_normal((30, 8)).astype(np.float32)
TRUTH = np.arange(5)
COVERS = np.full((5, 3), -1)


def ranked(queries=QUERIES, references=REFERENCES, truth=TRUTH, covers=COVERS, **options):
    return rank(queries, references, truth, covers, **options)


def assert_same(left, right):
    for name in ("rank", "ties", "rank_without_covers", "top_rows", "top_scores"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_embeddings_are_counted_and_named(value):
    bad = REFERENCES.copy()
    bad[[3, 4, 9, 11, 20, 21], 2] = value
    with pytest.raises(EmbeddingError, match=r"6 of 30 reference embeddings.*rows 3, 4, 9, 11, 20, \.\.\."):
        ranked(references=bad)
    bad = QUERIES.copy()
    bad[1] = value
    with pytest.raises(EmbeddingError, match=r"1 of 5 query embeddings are NaN or infinite \(rows 1\)"):
        ranked(queries=bad)


def test_zero_rows_are_refused():
    bad = QUERIES.copy()
    bad[2] = 0
    with pytest.raises(EmbeddingError, match=r"1 of 5 query embeddings are zero.*rows 2"):
        ranked(queries=bad)


def test_length_is_normalised_or_refused():
    longer = REFERENCES * GENERATOR.uniform(0.5, 2, (30, 1)).astype(np.float32)
    assert ranked(references=longer).rank.tolist() == ranked().rank.tolist()
    with pytest.raises(EmbeddingError, match=r"30 of 30 reference embeddings are not of unit length"):
        unit = QUERIES / np.linalg.norm(QUERIES, axis=1, keepdims=True)
        ranked(queries=unit, references=longer, normalise=False)


@pytest.mark.parametrize("bad", [np.zeros(8, np.float32), np.ones((5, 8), int), np.ones((0, 8), np.float32)])
def test_what_is_no_table_of_numbers_is_refused(bad):
    with pytest.raises(EmbeddingError, match="Give a table of floating-point numbers"):
        ranked(queries=bad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queries": QUERIES[:, :7]}, "7 dimensions, reference embeddings 8"),
        ({"truth": np.arange(4)}, r"5 query embeddings, but truth has shape \(4,\)"),
        ({"covers": np.full(5, -1)}, r"covers \(5,\)"),
        ({"truth": np.array([0, 1, 30, 2, 3])}, "truth names reference 30 for query 2, but there are 30"),
        ({"truth": np.array([0, 1, -1, 2, 3])}, "truth names reference -1 for query 2"),
        ({"covers": np.array([[-2]] * 5)}, "covers names reference -2 for query 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(EmbeddingError, match=message):
        ranked(**change)


@pytest.mark.parametrize("options", [{"top": 0}, {"block": (0, 4)}, {"precision": "float8"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError):
        ranked(**options)


def test_no_covers_and_missing_covers_are_the_same():
    assert_same(ranked(), ranked(covers=np.empty((5, 0), int)))


def test_a_cover_counts_once_and_the_truth_is_none():
    every = np.tile(np.arange(30), (5, 1))
    twice = np.concatenate([every, every], axis=1)
    assert ranked(covers=twice).rank_without_covers.tolist() == [0] * 5


def test_top_is_clipped_to_the_references():
    assert ranked(top=99).top_rows.shape == (5, 30)
    assert sorted(ranked(top=99).top_rows[0]) == list(range(30))


def test_arrays_tensors_and_memory_maps_give_the_same(tmp_path):
    np.save(tmp_path / "q.npy", QUERIES)
    np.save(tmp_path / "r.npy", REFERENCES)
    expected = ranked()
    mapped = (np.load(tmp_path / name, mmap_mode="r") for name in ("q.npy", "r.npy"))
    assert_same(expected, rank(*mapped, TRUTH, COVERS))
    assert_same(expected, ranked(torch.from_numpy(QUERIES), torch.from_numpy(REFERENCES)))
    assert_same(expected, ranked(QUERIES.astype(np.float64), torch.from_numpy(REFERENCES).double()))
    assert_same(expected, ranked(np.asfortranarray(QUERIES), REFERENCES[::-1][::-1]))


def test_half_precision_embeddings_are_taken():
    halves = REFERENCES.astype(np.float16)
    assert_same(ranked(references=halves), ranked(references=halves.astype(np.float32)))
    assert_same(ranked(references=halves), ranked(references=torch.from_numpy(halves)))


def test_input_is_left_as_it_was():
    queries, references = QUERIES.copy(), REFERENCES.copy()
    ranked(queries, references, precision="bfloat16")
    np.testing.assert_array_equal(queries, QUERIES)
    np.testing.assert_array_equal(references, REFERENCES)


def test_progress_reaches_its_total():
    class Counter:
        total = done = 0

        def set_total(self, total):
            self.total = total

        def advance(self, count=1):
            self.done += count

    counter = Counter()
    ranked(progress=counter, block=(2, 7))
    assert counter.done == counter.total > 0
