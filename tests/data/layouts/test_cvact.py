import dataclasses

import numpy as np
import pytest
from scipy.io import savemat

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

CARD = next(card for card in builtin_cards() if card.name == "cvact")
IDS = [f"pano-{n:017d}" for n in range(9)]
EASTING_M = 692_000 + np.array([0, 3, 6, 100, 104, 200, 300, 400, 500.0])
NORTHING_M = np.full(9, 6_090_000.0)


def index_set(name, rows):
    return np.array([(name, np.array(rows)[:, None])], dtype=[("name", "O"), ("ind", "O")])


def write(root, **changes):
    values = {
        "panoIds": np.array(IDS),
        "utm": np.stack([EASTING_M, NORTHING_M], axis=1),
        "trainSet": index_set("train", [6, 7, 8]),
        "valSet": index_set("val", [9, 1]),
        "valSetAll": index_set("val_all", [1, 2, 3, 4, 5]),
    }
    savemat(root / "ACT_data.mat", values | changes)


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    for folder in ("ANU_data_small", "ANU_data_test"):
        for view, end in (("streetview", "_grdView.jpg"), ("satview_polish", "_satView_polish.jpg")):
            (tmp_path / folder / view).mkdir(parents=True)
            for name in IDS:
                (tmp_path / folder / view / f"{name}{end}").touch()
    return tmp_path


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_sets_are_read_with_indices_from_one(root, order):
    write(root, utm=np.stack([EASTING_M, NORTHING_M], axis=1)[:, order])
    task = layouts.read_task(CARD, "val", root, layouts=KNOWN)
    assert task.train.queries["name"].tolist() == [f"Canberra/{IDS[n]}" for n in (5, 6, 7)]
    assert task.test.queries["name"].tolist() == [f"Canberra/{IDS[n]}" for n in (8, 0)]
    assert task.test.references["path"][0] == f"ANU_data_small/satview_polish/{IDS[8]}_satView_polish.jpg"
    lat, lon = task.test.references[["lat", "lon"]].to_numpy().T
    assert -35.4 < lat[0] < -35.2 and 149 < lon[0] < 149.3
    far = geo.geodesic_m(lat[0], lon[0], lat[1], lon[1])
    np.testing.assert_allclose(far, 500 / 0.9996, rtol=1e-3)
    assert (task.test.decentrality == 0).all() and task.notes == ()


def test_within_five_metres_has_a_name_of_its_own(root):
    exact = layouts.read_task(CARD, "test", root, layouts=KNOWN)
    near = layouts.read_task(CARD, "test-5m", root, layouts=KNOWN)
    assert exact.test.covers.shape == (5, 0)
    rows = [set(row[row >= 0]) for row in near.test.covers]
    assert rows == [{1}, {0, 2}, {1}, {4}, {3}]
    assert any("within 5 m" in note and "covered@1" in note for note in near.notes)
    assert near.test.queries["path"][0].startswith("ANU_data_test/")


def test_missing_images_are_left_out_and_counted(root):
    (root / "ANU_data_small" / "streetview" / f"{IDS[6]}_grdView.jpg").unlink()
    card = dataclasses.replace(CARD, counts={"val": 2})
    task = layouts.read_task(card, "val", root, layouts=KNOWN)
    assert [name[-1] for name in task.train.queries["name"]] == ["5", "7"]
    assert task.notes == (f"1 train pairs are left out for want of an image: {IDS[6]}",)
    assert not task.partial
    (root / "ANU_data_small" / "satview_polish" / f"{IDS[8]}_satView_polish.jpg").unlink()
    assert layouts.read_task(card, "val", root, layouts=KNOWN).partial
    (root / "ANU_data_small" / "streetview" / f"{IDS[0]}_grdView.jpg").unlink()
    with pytest.raises(DataError, match="None of the 2 test pairs has its images"):
        layouts.read_task(card, "val", root, layouts=KNOWN)


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"utm": np.zeros((4, 2))}, "two numbers for each of 9"),
        ({"trainSet": index_set("train", [1, 10])}, "indices from 1 to 9"),
        ({"trainSet": index_set("train", [0])}, "indices from 1 to 9"),
        ({"trainSet": index_set("train", [2, 2])}, "occurs twice"),
        ({"panoIds": np.array(["../" + name for name in IDS])}, "is no id"),
    ],
)
def test_a_damaged_index_is_named(root, changes, reason):
    write(root, **changes)
    with pytest.raises(DataError, match=reason) as caught:
        layouts.read_task(CARD, "val", root, layouts=KNOWN)
    assert "ACT_data.mat" in str(caught.value)


def test_an_index_that_is_missing_or_no_matlab_file_is_named(root):
    (root / "ACT_data.mat").write_bytes(b"not a matlab file" * 20)
    with pytest.raises(DataError, match="ACT_data.mat cannot be read"):
        layouts.read_task(CARD, "val", root, layouts=KNOWN)
    (root / "ACT_data.mat").unlink()
    with pytest.raises(DataError, match="ACT_data.mat cannot be read"):
        layouts.read_task(CARD, "val", root, layouts=KNOWN)
