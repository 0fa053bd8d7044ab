"""Scoring plain arrays."""

import dataclasses
import doctest

import numpy as np
import pandas as pd
import pytest

from cvgl_bench.data.cards import read_card
from cvgl_bench.data.layouts import read_task
from cvgl_bench.data_tools.inspection import export
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, EmbeddingError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.ranking import outcome, read_outcome
from cvgl_bench.scoring import arrays as scoring
from cvgl_bench.scoring.arrays import score
from cvgl_bench.scoring.metrics import Metric

KNOWN = load_plugins([]).layouts


@pytest.fixture
def arrays():
    """Ten references on a line 50 m apart; the query of each lies 10 m north of it, but two are swapped."""
    places = np.eye(10)
    queries = places[[1, 0, *range(2, 10)]]
    lon = np.arange(10) * 50 / 111_320
    return {
        "query_embeddings": queries,
        "reference_embeddings": places,
        "truth": np.arange(10),
        "reference_lat_lon": np.stack([np.zeros(10), lon], axis=1),
        "query_lat_lon": np.stack([np.full(10, 10 / 110_574), lon], axis=1),
        "decentrality": np.linspace(0, 0.9, 10),
        "city": ["Aa"] * 4 + ["Bb"] * 6,
    }


def test_doctest():
    assert doctest.testmod(scoring).failed == 0


def test_everything_is_joined(arrays):
    found, metrics = score(**arrays, covers=[[1], [-1], *[[-1]] * 8])
    assert metrics.overall["recall@1"].value == 0.8
    assert metrics.overall["covered@1"].value == 0.9
    assert metrics.overall["recall@1_100m"].value == 1
    np.testing.assert_allclose(found.distance_m, [*[np.hypot(10, 50)] * 2, *[10] * 8], atol=0.1)
    assert metrics.by_city["Aa"]["recall@1"].value == 0.5
    assert metrics.by_city["Bb"]["recall@1"].count == 6
    assert metrics.by_decentrality["0.0-0.2"]["recall@1"].value == 0
    assert metrics.by_city_and_decentrality["Bb"]["0.0-0.2"]["recall@1"].count == 0


def test_what_is_not_given_is_not_reported(arrays):
    kept = {name: arrays[name] for name in ("query_embeddings", "reference_embeddings", "truth")}
    found, metrics = score(**kept)
    assert metrics.overall["recall@1"].value == 0.8
    assert not {"median_distance_m", "recall@1_100m"} & set(metrics.overall)
    assert metrics.by_decentrality == metrics.by_city == {}
    assert np.isnan(found.distance_m).all()


def test_outcome_without_covers_is_read_back(arrays, tmp_path):
    found, _ = score(**arrays)
    found.save(tmp_path / "outcome.parquet")
    again = read_outcome(tmp_path / "outcome.parquet")
    np.testing.assert_array_equal(again.ranking.rank, found.ranking.rank)
    np.testing.assert_allclose(again.distance_m, found.distance_m)


def test_a_metric_needs_only_per_query(arrays):
    """A stranger's metric gets its interval and its strata."""
    margin = Metric(
        id="margin", per_query=lambda o: o.ranking.top_scores[:, 0].astype(float) - o.ranking.top_scores[:, 1]
    )
    _, metrics = score(**arrays, metrics=[margin])
    assert metrics.overall["margin"].value == pytest.approx(1)
    assert metrics.overall["margin"].low <= 1 <= metrics.overall["margin"].high
    assert metrics.by_city["Aa"]["margin"].count == 4


def test_memory_mapped_files(arrays, tmp_path):
    for name in ("query_embeddings", "reference_embeddings"):
        np.save(tmp_path / f"{name}.npy", arrays[name].astype(np.float32))
        arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    assert score(**arrays)[1].overall["recall@1"].value == 0.8


@pytest.mark.parametrize(
    "column, value",
    [
        ("query_lat_lon", np.zeros((9, 2))),
        ("reference_lat_lon", np.zeros((10, 3))),
        ("decentrality", np.zeros(11)),
        ("city", ["Aa"]),
        ("covers", [[1], [2, 3], *[[4]] * 8]),
    ],
)
def test_a_column_of_wrong_length_is_named(arrays, column, value):
    with pytest.raises(DataError, match=column):
        score(**{**arrays, column: value})


def test_nan_and_wrong_truth_are_refused(arrays):
    bad = arrays["query_embeddings"].copy()
    bad[3, 0] = np.nan
    with pytest.raises(EmbeddingError):
        score(**{**arrays, "query_embeddings": bad})
    with pytest.raises(EmbeddingError, match="10"):
        score(**{**arrays, "truth": np.arange(10) + 1})


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (np.arange(10) + 0.5, "truth holds 0.5, but row numbers of references are whole"),
        ([str(row) for row in range(10)], "truth holds <U1, but it must hold row numbers"),
    ],
)
def test_what_is_no_row_is_refused(arrays, truth, message):
    with pytest.raises(DataError, match=message):
        score(**{**arrays, "truth": truth})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            {"query_lat_lon": [[151.2, -33.9]] * 10},
            "query_lat_lon holds latitude 151.2 in row 0. Give latitude",
        ),
        ({"decentrality": np.arange(10) * 5.0}, "decentrality holds 5 for query 1. It is the offset"),
        ({"decentrality": np.full(10, -0.1)}, "decentrality holds -0.1 for query 0"),
    ],
)
def test_what_is_no_place_in_a_tile_or_on_the_globe_is_refused(arrays, column, message):
    with pytest.raises(DataError, match=message):
        score(**{**arrays, **column})


def test_a_query_in_the_corner_of_its_tile_is_taken(arrays):
    corner = np.full(10, 1 + 1e-9)
    _, metrics = score(**{**arrays, "decentrality": corner})
    assert metrics.by_decentrality["0.8-1.0"]["recall@1"].count == 10


def test_a_query_without_a_truth_is_named(arrays):
    truth = np.where(np.arange(10) == 4, np.nan, np.arange(10))
    with pytest.raises(EmbeddingError, match="truth names no positive for query 4"):
        score(**{**arrays, "truth": truth})


def test_exported_tables_are_taken_as_pandas_reads_them(noise_world, tmp_path):
    """A cover that is missing is empty in the table and NaN once it is read."""
    card, root = noise_world
    task = read_task(read_card(card), "cross", root, layouts=KNOWN)
    covers = task.test.covers.copy()
    covers[::3, 1:] = -1
    test = dataclasses.replace(task.test, covers=covers)
    references, queries = (pd.read_csv(path) for path in export(test, tmp_path))
    cover_columns = queries[["cover_1", "cover_2", "cover_3"]]
    assert cover_columns.isna().any(axis=None)
    generator = np.random.default_rng(0)
    places = generator.standard_normal((len(references), 8))
    found, metrics = score(
        places[queries["truth"]] + 0.5 * generator.standard_normal((len(queries), 8)),
        places,
        queries["truth"],
        cover_columns,
        query_lat_lon=queries[["lat", "lon"]],
        reference_lat_lon=references[["lat", "lon"]],
        decentrality=queries["decentrality"],
        border_m=queries["border_m"],
        city=queries["city"],
    )
    expected = outcome(found.ranking, test, extra={})
    for column in dataclasses.fields(found):
        if column.name not in ("ranking", "extra"):
            left, right = (getattr(each, column.name) for each in (found, expected))
            if np.issubdtype(np.asarray(right).dtype, np.floating):  # pandas reads the last bit as it likes
                np.testing.assert_allclose(left, right, rtol=1e-12, err_msg=column.name)
            else:
                np.testing.assert_array_equal(left, right, err_msg=column.name)
    assert metrics.overall["recall@1_100m"].count == len(queries)


def test_distances_are_geodesic(arrays):
    found, _ = score(**arrays)
    expected = geo.geodesic_m(*arrays["query_lat_lon"][5], *arrays["reference_lat_lon"][5])
    assert found.distance_m[5] == expected


@pytest.mark.parametrize("none", [-1, np.nan])
def test_a_query_without_a_positive_is_named(none):
    with pytest.raises(
        EmbeddingError, match="truth names no positive for query 2 .1 of 4 queries.*Leave such"
    ):
        score(np.eye(4), np.eye(4), [0, 1, none, 3])
