import numpy as np
import pandas as pd
import pytest

from cvgl_bench.data import layouts
from cvgl_bench.data_tools.inspection import export
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


@pytest.fixture
def split(copy):
    card, root = copy()
    return layouts.read_task(card, "same", root, layouts=KNOWN).train


def test_rows_are_written_in_order(split, tmp_path):
    references, queries = (pd.read_csv(path) for path in export(split, tmp_path / "rows"))
    assert references["row"].tolist() == list(range(len(split.references)))
    assert references["name"].tolist() == split.references["name"].tolist()
    assert queries["name"].tolist() == split.queries["name"].tolist()
    assert queries["truth"].tolist() == split.truth.tolist()
    covers = queries[["cover_1", "cover_2", "cover_3"]].to_numpy(float)
    expected = np.where(split.covers < 0, np.nan, split.covers)
    np.testing.assert_array_equal(covers, expected)
    assert np.isnan(covers).any(), "training covers outside the gallery are empty"
    np.testing.assert_allclose(queries[["x_px", "y_px"]], split.position_px)
    np.testing.assert_allclose(queries["decentrality"], split.decentrality)
    np.testing.assert_allclose(references[["lat", "lon"]], split.references[["lat", "lon"]], rtol=1e-15)


def test_nothing_is_overwritten_or_left_half_written(split, tmp_path):
    (tmp_path / "queries.csv").write_text("mine")
    with pytest.raises(DataError, match="queries.csv exists"):
        export(split, tmp_path)
    assert (tmp_path / "queries.csv").read_text() == "mine"
    assert not (tmp_path / "references.csv").exists()
