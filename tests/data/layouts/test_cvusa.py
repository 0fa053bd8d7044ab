import numpy as np
import pytest

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, OptionError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

CARD = next(card for card in builtin_cards() if card.name == "cvusa")


def line(number):
    return (
        f"bingmap/19/{number:07d}.jpg,streetview/panos/{number:07d}.jpg,"
        f"streetview/annotations/{number:07d}.png\n"
    )


@pytest.fixture
def root(tmp_path):
    (tmp_path / "splits").mkdir()
    (tmp_path / "split_locations").mkdir()
    places = [f"{30 + n / 10},{-90 - n / 10},{30 + n / 10 + 1e-4},{-90 - n / 10},{n}\n" for n in range(1, 9)]
    (tmp_path / "split_locations" / "all.csv").write_text("".join(places))
    (tmp_path / "splits" / "train-19zl.csv").write_text(line(3) + line(1) + line(8))
    (tmp_path / "splits" / "val-19zl.csv").write_text(line(2) + line(7))
    return tmp_path


def test_pairs_are_centred_and_placed_by_their_number(root):
    task = layouts.read_task(CARD, "val", root, layouts=KNOWN)
    assert task.train.references["path"].tolist()[0] == "bingmap/19/0000003.jpg"
    assert task.train.queries["path"].tolist()[2] == "streetview/panos/0000008.jpg"
    np.testing.assert_allclose(task.train.references["lat"], [30.3, 30.1, 30.8])
    np.testing.assert_allclose(task.test.queries["lat"], [30.2001, 30.7001])
    np.testing.assert_allclose(task.test.references["m_per_px"], geo.metres_per_px([30.2, 30.7], 19))
    assert task.test.truth.tolist() == [0, 1] and task.test.covers.shape == (2, 0)
    assert (task.test.decentrality == 0).all()
    assert task.partial, "two queries are fewer than the card's 8,884"


@pytest.mark.parametrize(
    "name, text, reason",
    [
        ("splits/val-19zl.csv", line(2) + line(9), "line 2: .*without a line in split_locations/all.csv"),
        ("splits/val-19zl.csv", line(2) + line(2), "line 2: .*occurred before"),
        ("splits/val-19zl.csv", line(2).replace("bingmap/19", "../19"), "line 1: .*leaves the data set"),
        ("splits/val-19zl.csv", line(2).replace("0000002", "two"), "line 1: .*id without a line"),
        ("splits/val-19zl.csv", "a,b\n", "2 columns where"),
        ("split_locations/all.csv", "-90,30,-90,30,0\n" * 7 + "30,-190,30,-90,0\n", "line 8: not a latitude"),
        ("split_locations/all.csv", "a,b,c,d,e\n", "could not convert"),
    ],
)
def test_a_fault_is_named(root, name, text, reason):
    (root / name).write_text(text)
    with pytest.raises(DataError, match=reason) as caught:
        layouts.read_task(CARD, "val", root, layouts=KNOWN)
    assert str(root / name) in str(caught.value)


def test_missing_files_and_editions_are_named(root):
    with pytest.raises(OptionError, match="Label edition 'new' is unknown"):
        layouts.read_task(CARD, "val", root, label_edition="new", layouts=KNOWN)
    (root / "split_locations" / "all.csv").unlink()
    with pytest.raises(DataError, match="all.csv cannot be read"):
        layouts.read_task(CARD, "val", root, layouts=KNOWN)
