from pathlib import Path

import pytest
import yaml

from cvgl_bench.data import cards
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import layout_of
from cvgl_bench.foundation.errors import DataError, UnknownNameError
from cvgl_bench.minicity import PLANS
from cvgl_bench.minicity.world import GENERATOR_VERSION
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

VALID = {
    "name": "tiny",
    "title": "Tiny",
    "layout": "dress",
    "cities": ["Aa", "Bb"],
    "splits": {"cross": {"train": ["Aa"], "test": ["Bb"]}},
    "tile": {"size_px": [10, 20], "zoom": 18},
}


def write(tmp_path, **changes):
    path = tmp_path / "card.yaml"
    values = {key: value for key, value in {**VALID, **changes}.items() if value is not None}
    path.write_text(yaml.safe_dump(values))
    return path


def test_every_builtin_card_is_whole():
    found = {card.name: card for card in cards.builtin_cards()}
    assert {"vigor", "dress", "cvusa", "cvact", "mini-dress", "mini-vigor"} <= set(found)
    for card in found.values():
        assert card.title and card.licence and card.citation and card.access
        assert layout_of(card, KNOWN).name == card.layout and card.label_editions
        assert card.generated or card.homepage.startswith("https://")


def test_the_generated_worlds_are_what_their_cards_say():
    found = {card.name: card for card in cards.builtin_cards()}
    for plan in PLANS.values():
        card = found[plan.name]
        assert card.generated == plan.name and card.layout == plan.layout
        assert card.cities == plan.cities
        assert card.label_editions == (f"generator-{GENERATOR_VERSION}",), (
            "records tell old worlds apart by it"
        )
        assert tuple(card.tile["size_px"]) == (plan.tile_px, plan.tile_px) and card.tile["zoom"] == plan.zoom
        assert tuple(card.panorama["size_px"]) == plan.panorama_px
        assert card.counts == plan.counts
        assert card.splits["cross"]["train"] == plan.training_cities


def test_dress_is_tested_across_areas_on_four_cities():
    dress = next(card for card in cards.builtin_cards() if card.name == "dress")
    assert dress.splits["cross"]["test"] == ("Johannesburg", "Rio", "Taipei", "Vancouver")
    assert len(dress.splits["same"]["test"]) == 8 and dress.tile["zoom"] == 18
    assert isinstance(dress.tile["zoom"], int)


def test_a_card_becomes_a_dataset(tmp_path):
    card = cards.read_card(write(tmp_path, panorama={"size_px": [64, 100], "horizontal_deg": 70}))
    assert card.splits == {"cross": {"train": ("Aa",), "test": ("Bb",)}}
    assert card.tile == {"size_px": (10, 20), "zoom": 18}
    assert card.panorama["horizontal_deg"] == 70 and card.decentrality_edges[0] == 0


FAULTS = pytest.mark.parametrize(
    "changes, field",
    [
        ({"name": "../up"}, "name: string should match"),
        ({"cities": []}, "cities"),
        ({"cities": ["a/b"]}, "cities.0"),
        ({"tile": {"size_px": [10], "zoom": 18}}, "tile.size_px"),
        ({"tile": {"size_px": [10, 0], "zoom": 18}}, "tile.size_px.1"),
        ({"tile": {"size_px": [10, 20], "zoom": 18, "m_per_px": 1.0}}, "tile: give either zoom"),
        (
            {"tile": {"size_px": [10, 20], "m_per_px": {"Aa": 1.0}}},
            "tile.m_per_px: give one number, or one for",
        ),
        ({"label_editions": ["a", "b"]}, "tile.m_per_px: give one entry for each of label_editions"),
        ({"splits": {"x": {"train": ["Aa"]}}}, "splits.x.test: field required"),
        ({"splits": {"x": {"train": ["Aa"], "test": ["Cc"]}}}, "splits.x.test: 'Cc' is not one of"),
        ({"splits": {"x": {"train": ["Aa", "Bb"], "test": ["Bb"]}}}, "splits.x: train and test must"),
        ({"decentrality_edges": [0, 0.5, 0.4]}, "decentrality_edges"),
        ({"panorama": {"horizontal_deg": 400}}, "panorama.horizontal_deg"),
        ({"title": 7}, "title: input should be a valid string"),
        ({"counts": {"tiles": "many"}}, "counts.tiles"),
    ],
)


@FAULTS
def test_a_fault_names_file_and_field(tmp_path, changes, field):
    path = write(tmp_path, **changes)
    with pytest.raises(DataError) as caught:
        cards.read_card(path)
    assert str(path) in str(caught.value) and field in str(caught.value)


@FAULTS
def test_a_card_made_in_python_is_refused_with_the_same_words(changes, field):
    values = {**VALID, **changes}
    with pytest.raises(DataError) as caught:
        Dataset(**values)
    assert str(caught.value).startswith(f"Card '{values['name']}': {field}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes, field", [({"name": None}, "name: field required"), ({"titel": "x"}, "titel: extra inputs")]
)
def test_a_field_that_is_missing_or_unknown_is_named(tmp_path, changes, field):
    with pytest.raises(DataError, match=field):
        cards.read_card(write(tmp_path, **changes))


def test_a_card_made_in_python_is_one_read_from_a_file(tmp_path):
    assert Dataset(**VALID) == cards.read_card(write(tmp_path))


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"layout": "vigour"}, "layout: There is no layout 'vigour'. Did you mean 'vigor'?"),
        ({"tile": {"size_px": [10, 20]}}, "tile: give either zoom"),
        ({"layout": "cvact"}, "splits.cross: layout 'cvact' has the splits val, test, test-5m"),
    ],
)
def test_a_card_that_its_layout_cannot_read_is_refused(changes, fault):
    with pytest.raises(DataError) as caught:
        layout_of(Dataset(**{**VALID, **changes}), KNOWN)
    assert str(caught.value).startswith(f"Card 'tiny': {fault}") and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "!!python/object/apply:os.system ['true']"])
def test_what_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match="card.yaml"):
        cards.read_card(path)
    with pytest.raises(DataError, match="cannot be read"):
        cards.read_card(tmp_path / "absent.yaml")


def test_data_sets_are_found_by_name_or_file(tmp_path):
    plugins = load_plugins([])
    assert cards.find_dataset("vigor", plugins.datasets).title == "VIGOR"
    assert cards.find_dataset(str(write(tmp_path)), plugins.datasets).name == "tiny"
    with pytest.raises(UnknownNameError, match="Did you mean 'vigor'"):
        cards.find_dataset("vigr", plugins.datasets)
    with pytest.raises(UnknownNameError, match="no card"):
        cards.find_dataset(str(tmp_path / "no.yaml"), plugins.datasets)


def test_a_card_that_lies_among_its_data_says_so_wherever_it_is_read(tmp_path, monkeypatch):
    path = write(tmp_path)
    assert cards.read_card(path).folder == ""
    path.write_text(path.read_text() + "\nfolder: .\n")
    monkeypatch.chdir(tmp_path.parent)
    assert Path(cards.read_card(path.relative_to(tmp_path.parent)).folder) == tmp_path


def test_the_cards_are_mapped_into_the_package():
    """The folder beside the package in a checkout is `cvgl_bench/datasets` once installed."""
    folder = cards.cards_folder()
    assert sorted(path.stem for path in folder.glob("*.yaml")) == [c.name for c in cards.builtin_cards()]
    setup = Path(cards.__file__).parents[2] / "setup.py"
    if setup.is_file():
        assert '"cvgl_bench.datasets"' in setup.read_text() and '["*.yaml"]' in setup.read_text()
