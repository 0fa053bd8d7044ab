"""Embeddings from files: what is read, refused and recorded."""

import numpy as np
import pytest
import torch

from cvgl_bench.data.cards import read_card
from cvgl_bench.data.layouts import read_task
from cvgl_bench.foundation.errors import EmbeddingError, UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.ranking import read_outcome
from cvgl_bench.report.run_groups import read_runs
from cvgl_bench.running.embedding_files import EmbeddingFiles, read_embeddings, score_files
from cvgl_bench.scoring.metrics import METRICS
from cvgl_bench.scoring.results import read_result

KNOWN = load_plugins([]).layouts

METRICS_BY_ID = {metric.id: metric for metric in METRICS}
CPU = torch.device("cpu")


@pytest.fixture
def task(noise_world):
    card, root = noise_world
    return read_task(read_card(card), "cross", root, layouts=KNOWN)


@pytest.fixture
def write(task, tmp_path):
    """Return a function that writes embeddings of a perfect method, changed by `spoil`, as files."""

    def files(spoil=lambda queries: queries, **given):
        places = np.eye(len(task.test.references), 16, dtype=np.float32)
        np.save(tmp_path / "r.npy", places)
        np.save(tmp_path / "q.npy", spoil(places[task.test.truth]))
        return EmbeddingFiles(
            tmp_path / "q.npy", tmp_path / "r.npy", **{"name": "mine", "title": "Mine (2026)", **given}
        )

    return files


def recorded(files, task, tmp_path, **given):
    return score_files(files, task, METRICS_BY_ID, device=CPU, output=tmp_path / "run", **given)


def test_a_record_says_where_it_comes_from(write, task, tmp_path):
    folder, result = recorded(write(), task, tmp_path)
    assert read_result(folder / "result.json") == result
    assert result.origin == "embeddings"
    assert (result.method.name, result.method.title) == ("mine", "Mine (2026)")
    assert result.metrics.overall["recall@1"].value == 1
    assert result.task.fingerprint == task.test.fingerprint and result.task.train_fingerprint == ""
    assert result.metrics.overall["recall@1%"].value is None
    assert result.units["median_distance_m"] == "m"
    np.testing.assert_array_equal(read_outcome(folder / "outcome.parquet").ranking.rank, 0)
    assert len(read_runs([folder])) == 1


def test_other_embeddings_have_other_options(write, task, tmp_path):
    first = recorded(write(), task, tmp_path / "a")[1].options["embeddings"]
    other = recorded(write(lambda queries: queries[::-1].copy()), task, tmp_path / "b")[1].options[
        "embeddings"
    ]
    assert first["query_sha256"] != other["query_sha256"]
    assert first["reference_sha256"] == other["reference_sha256"]


def test_rows_are_normalised_or_refused(write, task, tmp_path):
    files = write(lambda queries: 3 * queries)
    assert recorded(files, task, tmp_path / "a")[1].metrics.overall["recall@1"].value == 1
    with pytest.raises(EmbeddingError, match="unit length"):
        recorded(files, task, tmp_path / "b", normalise=False)


def test_nan_leaves_nothing_behind(write, task, tmp_path):
    with pytest.raises(EmbeddingError):
        recorded(write(lambda queries: queries * np.nan), task, tmp_path)
    assert not (tmp_path / "run").exists()


def test_an_existing_folder_is_refused(write, task, tmp_path):
    recorded(write(), task, tmp_path)
    with pytest.raises(UsageError, match="never overwritten"):
        recorded(write(), task, tmp_path)


def test_a_name_must_fit_a_file_name(write, task, tmp_path):
    with pytest.raises(UsageError, match="'../mine'"):
        recorded(write(name="../mine"), task, tmp_path)


@pytest.mark.parametrize("rows", [np.zeros((3, 16)), np.zeros(9), np.zeros((2, 9, 4))])
def test_wrong_shapes_are_explained(rows, task, tmp_path):
    np.save(tmp_path / "q.npy", rows)
    with pytest.raises(EmbeddingError, match=f"{len(task.test)} query rows.*dataset export"):
        read_embeddings(tmp_path / "q.npy", task.test, side="query")


def test_pickles_and_other_files_are_refused(task, tmp_path):
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "empty.npy").touch()
    np.savez(tmp_path / "archive.npz", np.zeros(2))
    for name in ("pickle.npy", "text.npy", "empty.npy", "archive.npz", "absent.npy"):
        with pytest.raises(EmbeddingError, match=name):
            read_embeddings(tmp_path / name, task.test, side="reference")
