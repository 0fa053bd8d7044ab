"""Verification of data sets with one tile per query."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.data_tools.inspection import verify
from cvgl_bench.foundation import geo
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

CARDS = {card.name: card for card in builtin_cards()}


def draw(path, colour, size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def cvusa(tmp_path):
    for number in range(1, 7):
        draw(tmp_path / f"bingmap/19/{number:07d}.jpg", (40 * number, 0, 0))
        draw(tmp_path / f"streetview/panos/{number:07d}.jpg", (0, 40 * number, 0), (16, 3))
    for name, numbers in (("train", (1, 2, 3, 4)), ("val", (5, 6))):
        lines = [f"bingmap/19/{n:07d}.jpg,streetview/panos/{n:07d}.jpg,a/{n:07d}.png\n" for n in numbers]
        (tmp_path / "splits").mkdir(exist_ok=True)
        (tmp_path / "splits" / f"{name}-19zl.csv").write_text("".join(lines))
    (tmp_path / "split_locations").mkdir()
    places = "".join(f"{30 + n},-90,{30 + n},-90,0\n" for n in range(6))
    (tmp_path / "split_locations" / "all.csv").write_text(places)
    return dataclasses.replace(CARDS["cvusa"], counts={"train": 4, "test": 2}), tmp_path


def test_a_whole_copy_passes(cvusa):
    card, root = cvusa
    found = verify(card, root, layouts=KNOWN)
    assert found.passed, found.problems
    assert found.checked == {"labels": 6, "images": 12} and found.cities[0].decentrality["1"] == 0


def test_distances_across_a_country_are_those_on_the_globe(cvusa):
    card, root = cvusa
    places = "".join(
        f"{lat},-90,{lat},{-90 - n % 2 / 10},0\n" for n, lat in enumerate((25, 26, 27, 28, 49, 49))
    )
    (root / "split_locations" / "all.csv").write_text(places)
    (usa,) = verify(card, root, images=False, layouts=KNOWN).cities
    assert usa.query_spacing_m == pytest.approx(float(geo.great_circle_m(49, -90, 49, -90.1)), rel=1e-4)


def test_damage_is_named(cvusa):
    card, root = cvusa
    (root / "streetview/panos/0000002.jpg").unlink()
    draw(root / "bingmap/19/0000003.jpg", (9, 9, 9), (5, 5))
    with (root / "splits" / "val-19zl.csv").open("a") as file:
        file.write("bingmap/19/0000001.jpg,streetview/panos/0000001.jpg,a/0000001.png\n")
    found = {(p.kind, p.path): p.reason for p in verify(card, root, layouts=KNOWN).problems}
    assert "train-19zl.csv, line 2" in found["missing", "streetview/panos/0000002.jpg"]
    assert "5 x 5 px where 5 others are 8 x 8" in found["size", "bingmap/19/0000003.jpg"]
    assert "trains and tests on '0000001'" in found["leak", str(root / "splits" / "train-19zl.csv")]
    assert "has 3 test pairs where the card says 2" in found["count", str(root)]


def test_a_list_that_cannot_be_read_is_named(cvusa):
    card, root = cvusa
    (root / "splits" / "train-19zl.csv").write_text("one column\n")
    (problem,) = verify(card, root, layouts=KNOWN).problems
    assert problem.kind == "label" and "train-19zl.csv has 1 columns" in problem.reason


def test_every_missing_image_of_cvact_is_named(tmp_path):
    ids = np.array([f"pano-{n}" for n in range(4)])

    def rows(*numbers):
        return np.array([("set", np.array(numbers)[:, None])], dtype=[("name", "O"), ("ind", "O")])

    utm = np.stack([692_000 + np.arange(4) * 50.0, np.full(4, 6_090_000.0)], axis=1)
    sets = {"trainSet": rows(1, 2), "valSet": rows(3), "valSetAll": rows(4)}
    savemat(tmp_path / "ACT_data.mat", {"panoIds": ids, "utm": utm, **sets})
    for n, folder in enumerate(("small", "small", "small", "test")):
        draw(tmp_path / f"ANU_data_{folder}/streetview/pano-{n}_grdView.jpg", (60 * n, 0, 0), (16, 8))
        if n != 1:
            draw(tmp_path / f"ANU_data_{folder}/satview_polish/pano-{n}_satView_polish.jpg", (0, 0, 60 * n))
    card = dataclasses.replace(CARDS["cvact"], counts={"train": 2, "val": 1, "test": 1})
    (problem,) = verify(card, tmp_path, layouts=KNOWN).problems
    assert problem.kind == "missing"
    assert problem.path == "ANU_data_small/satview_polish/pano-1_satView_polish.jpg"
    assert "trainSet, line 2" in problem.reason
