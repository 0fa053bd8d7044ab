from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.errors import DataError


def make_split(**changes):
    references = pd.DataFrame(
        {
            "path": ["a/1.png", "a/2.png"],
            "name": ["a/1.png", "a/2.png"],
            "city": "a",
            "lat": [1.0, 2.0],
            "lon": [3.0, 4.0],
            "height_px": 100,
            "width_px": 200,
            "m_per_px": [0.5, 0.25],
        }
    )
    queries = pd.DataFrame({"path": ["q"], "name": ["q"], "city": "a", "lat": [1.5], "lon": [3.5]})
    fields = {
        "name": "test",
        "root": Path("/nowhere"),
        "references": references,
        "queries": queries,
        "truth": np.array([1]),
        "covers": np.array([[0, -1]]),
        "position_px": np.array([[130.0, 10.0]]),
    }
    return Split(**(fields | changes))


def test_offset_and_decentrality_follow_from_the_position():
    split = make_split()
    assert split.offset_m == pytest.approx([12.5])
    assert split.decentrality == pytest.approx([50 / np.hypot(50, 100)])


@pytest.mark.parametrize(
    ("position_px", "border_m"), [((130, 10), 2.5), ((130, 92), 2.0), ((4, 50), 1.0), ((203, 50), 0.0)]
)
def test_metres_to_the_nearest_border_of_the_tile(position_px, border_m):
    assert make_split(position_px=np.array([position_px], np.float64)).border_m == pytest.approx([border_m])


def test_a_truth_outside_the_references_is_refused_by_query_name():
    with pytest.raises(DataError, match="'q' is not among the 2 references"):
        make_split(truth=np.array([2]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": np.array([0, 1])}, "a row for each of 1 queries"),
        ({"covers": np.array([[5]])}, "semi-positive"),
        ({"position_px": np.array([[np.nan, 0.0]])}, "not a number"),
        ({"position_px": np.zeros((1, 3))}, "shape"),
        ({"queries": pd.DataFrame({"name": ["q"]})}, "lacks the columns path, city, lat, lon"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        make_split(**changes)


def test_a_name_that_occurs_twice_is_refused():
    references = make_split().references.assign(name="same")
    with pytest.raises(DataError, match="'same' occurs twice"):
        make_split(references=references)


def test_the_fingerprint_changes_with_everything_that_matters():
    base = make_split()
    moved = base.references.assign(lat=[1.0, 2.0000001])
    changed = [
        make_split(truth=np.array([0])),
        make_split(covers=np.array([[-1, -1]])),
        make_split(position_px=np.array([[130.0, 10.5]])),
        make_split(references=moved),
    ]
    prints = {base.fingerprint, *(split.fingerprint for split in changed)}
    assert len(prints) == 5
    assert make_split(root=Path("/elsewhere")).fingerprint == base.fingerprint
