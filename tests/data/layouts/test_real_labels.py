"""What is known of VIGOR's corrected labels of New York and Seattle, asserted on the real files."""

import dataclasses

import numpy as np
import pytest

from cvgl_bench.data import layouts
from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.scoring.arrays import score
from cvgl_bench.scoring.metrics import METRICS

KNOWN = load_plugins([]).layouts

CARD = next(card for card in builtin_cards() if card.name == "vigor")
CITIES = ("NewYork", "Seattle")
TILES = {"NewYork": 23279, "Seattle": 20776}
TRAIN = {"NewYork": 13885, "Seattle": 11876}
TEST = {"NewYork": 13884, "Seattle": 11875}


@pytest.fixture(scope="module")
def root(request):
    import os
    from pathlib import Path

    if not os.environ.get("CVGL_SAMPLE_DATA"):
        pytest.skip("CVGL_SAMPLE_DATA, the folder of real sample data, is not set")
    return Path(os.environ["CVGL_SAMPLE_DATA"]) / "vigor_corrected_labels"


@pytest.fixture(scope="module")
def task(root):
    return layouts.read_task(CARD, "same", root, cities=CITIES, layouts=KNOWN)


def counts(table):
    return table["city"].value_counts().to_dict()


def test_counts_are_the_cards(task):
    assert counts(task.test.references) == counts(task.train.references) == TILES
    assert counts(task.train.queries) == TRAIN and counts(task.test.queries) == TEST
    for key, found in (("tiles", TILES), ("train", TRAIN), ("test", TEST)):
        assert {city: CARD.counts[key][city] for city in CITIES} == found
    assert len(task.train) + len(task.test) == 51_520 and len(task.test.references) == 44_055
    assert task.partial


def test_chance_lies_in_its_interval(task):
    """Random embeddings on the real truth and covers of every eighth query: recall@k is k / R."""
    generator, truth, covers = np.random.default_rng(0), task.test.truth[::8], task.test.covers[::8]
    queries, references = (generator.standard_normal((count, 16)) for count in (len(truth), 44_055))
    recalls = [metric for metric in METRICS if metric.id in ("recall@1", "recall@10", "recall@1%")]
    _, found = score(queries, references, truth, covers, metrics=recalls, top=1)
    for metric, k in zip(recalls, (1, 10, 440), strict=True):
        estimate, share = found.overall[metric.id], k / 44_055
        assert estimate.low <= share <= estimate.high < 2 * share + 0.002


def test_the_card_adds_up_to_the_published_totals():
    assert sum(CARD.counts["tiles"].values()) == 90_618
    assert sum(CARD.counts["train"].values()) == 52_609 and sum(CARD.counts["test"].values()) == 52_605
    cross = {part: CARD.splits["cross"][part] for part in ("train", "test")}
    assert sum(CARD.counts["tiles"][city] for city in cross["test"]) == 46_563
    assert sum(CARD.counts[p][city] for p in ("train", "test") for city in cross["test"]) == 53_694
    assert sum(CARD.counts[p][city] for p in ("train", "test") for city in cross["train"]) == 51_520


def test_the_edition_is_recognised_and_its_contradiction_refused(task, root):
    assert task.label_edition == "corrected"
    scales = task.test.references.groupby("city")["m_per_px"].unique()
    assert scales["NewYork"].tolist() == [0.113248] and scales["Seattle"].tolist() == [0.100817]
    with pytest.raises(DataError, match="labels are the corrected ones"):
        layouts.read_task(CARD, "same", root, cities=CITIES, label_edition="original", layouts=KNOWN)


@pytest.mark.parametrize("cities", [("NewYork",), ("Seattle",)])
def test_each_city_alone_is_recognised(root, cities):
    assert layouts.read_task(CARD, "same", root, cities=cities, layouts=KNOWN).label_edition == "corrected"


def test_original_labels_are_told_from_corrected_ones(task, root, tmp_path):
    """The same labels at 0.114 m per pixel, as the original edition has them, in 300 lines."""
    for city, scale in (("NewYork", 0.113248), ("Seattle", 0.100817)):
        (tmp_path / "splits" / city).mkdir(parents=True)
        (tmp_path / "splits" / city / "satellite_list.txt").symlink_to(root / city / "satellite_list.txt")
        for part in ("train", "test"):
            lines = (root / city / f"same_area_balanced_{part}__corrected.txt").read_text().split("\n")[:300]
            text = ""
            for fields in map(str.split, lines):
                for n in (2, 3, 5, 6, 8, 9, 11, 12):
                    fields[n] = str(float(round(float(fields[n]) * scale / 0.114)))
                text += " ".join(fields) + " \n"
            (tmp_path / "splits" / city / f"same_area_balanced_{part}.txt").write_text(text)
    task = layouts.read_task(CARD, "same", tmp_path, cities=CITIES, layouts=KNOWN)
    assert task.label_edition == "original"
    assert task.test.references["m_per_px"].unique().tolist() == [0.114]
    assert np.abs(task.test.position_px - 320).max() <= 162


def test_offsets_reach_183_px_in_seattle_and_the_centre_by_coordinates(task):
    test = task.test
    offset_px = np.abs(test.position_px - 320)
    seattle = (test.queries["city"] == "Seattle").to_numpy()
    assert offset_px[seattle].max() == 183 and offset_px[~seattle].max() == 163
    assert 0.25 < np.median(test.decentrality) < 0.35 and 0.5 < test.decentrality.max() < 0.6


def test_cross_area_training_is_both_halves(root):
    card = dataclasses.replace(CARD, splits={"cross": {"train": ("NewYork",), "test": ("Seattle",)}})
    task = layouts.read_task(card, "cross", root, layouts=KNOWN)
    assert len(task.train) == 27_769 and len(task.test) == 23_751
    assert len(task.train.references) == 23_279 and len(task.test.references) == 20_776
