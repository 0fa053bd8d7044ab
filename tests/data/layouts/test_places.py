"""University-1652's layout on a small tree: identity by folder, both directions, no coordinates."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli import cli
from cvgl_bench.data import layouts
from cvgl_bench.data.cards import cards_folder, read_card
from cvgl_bench.data_tools.inspection import city_statistics, verify
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_layout

KNOWN = load_plugins([]).layouts
CARD = dataclasses.replace(
    read_card(cards_folder() / "university1652.yaml"), counts={"drone-satellite": 6, "satellite-drone": 2}
)
TREE = {
    "train/drone": ("0001", "0002"),
    "train/satellite": ("0001", "0002"),
    "test/query_drone": ("0003", "0004"),
    "test/gallery_drone": ("0003", "0004", "0009"),
    "test/query_satellite": ("0003", "0004"),
    "test/gallery_satellite": ("0003", "0004", "0009"),
}
DRONES = {"0001": 3, "0002": 2, "0003": 4, "0004": 2, "0009": 1}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A tree of five places with one to four drone images and one satellite image each."""
    root = tmp_path_factory.mktemp("university")
    for folder, ids in TREE.items():
        for place in ids:
            (root / folder / place).mkdir(parents=True)
            for number in range(DRONES[place] if "drone" in folder else 1):
                # Queries lie in the gallery too, as in the published data set.
                seed = [int(place), number, "drone" in folder]
                pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / folder / place / f"image-{number:02}.png")
    return root


def test_what_lies_in_a_places_folder_is_true(whole):
    task = layouts.read_task(CARD, "drone-satellite", whole, layouts=KNOWN)
    assert len(task.train) == 5 and len(task.test) == 6 and len(task.test.references) == 3
    assert task.test.truths.tolist() == [[0, -1]] * 4 + [[1, -1]] * 2
    assert task.test.queries["path"][4] == "test/query_drone/0004/image-00.png"
    assert not task.partial and any("no coordinates" in note for note in task.notes)


def test_the_other_direction_has_several_true_references(whole):
    task = layouts.read_task(CARD, "satellite-drone", whole, layouts=KNOWN)
    assert task.test.truths.tolist() == [[0, 1, 2, 3], [4, 5, -1, -1]]
    assert task.test.truth.tolist() == [0, 4] and len(task.test.references) == 7
    assert any("first of its true references" in note for note in task.notes)
    assert not task.test.has_coordinates and np.isnan(task.test.decentrality).all()


def test_the_layout_keeps_the_contract_and_a_whole_copy_passes(whole):
    check_layout(KNOWN["university1652"], CARD, whole)
    found = verify(CARD, whole, layouts=KNOWN)
    assert found.passed and found.checked == {"labels": 5 + 6 + 2 + 2, "images": 5 + 2 + 6 + 3 + 7 + 2}
    short = dataclasses.replace(CARD, counts={"drone-satellite": 7})
    (problem,) = verify(short, whole, layouts=KNOWN).problems
    assert (
        problem.kind == "count" and layouts.read_task(short, "drone-satellite", whole, layouts=KNOWN).partial
    )


def test_statistics_say_nothing_where_there_are_no_coordinates(whole):
    task = layouts.read_task(CARD, "drone-satellite", whole, layouts=KNOWN)
    tested, trained = city_statistics(task)
    assert (tested.city, tested.tiles, tested.test_queries) == ("test", 3, 6)
    assert tested.area_km2 is None and tested.decentrality == {} and trained.train_queries == 5


def test_a_query_without_a_reference_is_refused(whole, tmp_path):
    root = shutil.copytree(whole, tmp_path / "copy")
    shutil.rmtree(root / "test" / "gallery_satellite" / "0004")
    with pytest.raises(DataError, match="0004/image-00.png shows a place without a reference: .*0004"):
        layouts.read_task(CARD, "drone-satellite", root, layouts=KNOWN)
    shutil.rmtree(root / "train")
    with pytest.raises(DataError, match="train/drone cannot be read: No such file"):
        layouts.read_task(CARD, "drone-satellite", root, layouts=KNOWN)
    with pytest.raises(UsageError, match="read whole"):
        layouts.read_task(CARD, "drone-satellite", whole, layouts=KNOWN, cities=["test"])


def small_card(folder):
    """Write the card with the counts of the small tree and return its path."""
    values = yaml.safe_load((cards_folder() / "university1652.yaml").read_text())
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({**values, "counts": dict(CARD.counts)}))
    return path


def ask(*words):
    answer = CliRunner().invoke(cli, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("split", ["drone-satellite", "satellite-drone"])
def test_chance_runs_and_leaves_out_what_needs_coordinates(whole, tmp_path, monkeypatch, split):
    monkeypatch.chdir(tmp_path)
    place = ["--dataset", "university1652", "--data-root", whole, "--split", split]
    said = ask("run", "--method", "chance", *place, "--output", "out", "--device", "cpu")
    assert "there are no coordinates" in said and "nan" not in said.lower()
    assert "95 % interval" in said and "\ndecentrality" not in said
    record = json.loads((tmp_path / "out" / "result.json").read_text())
    overall = record["metrics"]["overall"]
    assert {"recall@1", "recall@10"} <= set(overall)
    assert not {"median_distance_m", "recall@1_100m"} & set(overall)
    assert 0 < overall["AP"]["value"] <= 1
    assert record["metrics"]["by_decentrality"] == {}


def test_the_commands_say_that_there_are_no_coordinates(whole, tmp_path):
    assert "places have no coordinates" in ask("dataset", "info", "university1652")
    stats = ask("dataset", "stats", "university1652", "--data-root", whole)
    assert "no coordinates" in stats and "nan" not in stats.lower()
    words = [
        "dataset",
        "stats",
        "university1652",
        "--data-root",
        str(whole),
        "--figure",
        str(tmp_path / "x.png"),
    ]
    refused = CliRunner().invoke(cli, words).exception
    assert "no coordinates, so there is no map" in str(refused)
    assert "No problems." in ask("dataset", "verify", small_card(tmp_path), "--data-root", whole)
