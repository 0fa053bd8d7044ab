import dataclasses
import shutil
from pathlib import Path

import pytest
import yaml

from cvgl_bench.data.cards import builtin_cards, cards_folder, read_card
from cvgl_bench.data.layouts import read_task
from cvgl_bench.testing import check_dataset


@pytest.fixture
def world(noise_world, tmp_path):
    """A copy of the small world that a test may damage: (card, root)."""
    card, root = noise_world
    return Path(shutil.copy(card, tmp_path)), shutil.copytree(root, tmp_path / "world")


def change_labels(root, change):
    path = root / "splits_new" / "Aa" / "same_area_balanced_test.txt"
    lines = [change(line.split()) for line in path.read_text().splitlines()]
    path.write_text("\n".join(" ".join(fields) for fields in lines) + "\n")


@pytest.mark.parametrize("card", builtin_cards(), ids=lambda card: card.name)
def test_the_built_in_cards_pass(card):
    check_dataset(card)
    check_dataset(cards_folder() / f"{card.name}.yaml")


def test_a_readable_world_passes(world):
    card, root = world
    check_dataset(card, root)
    check_dataset(read_card(card), root)


@pytest.mark.parametrize("field", ["title", "licence", "access"])
def test_an_empty_field_is_named(world, field):
    card = dataclasses.replace(read_card(world[0]), **{field: " "})
    with pytest.raises(AssertionError, match=f"'noise': the card's `{field}` is empty"):
        check_dataset(card)


def test_a_card_that_contradicts_itself_is_named(world):
    values = yaml.safe_load(world[0].read_text())
    values["splits"]["same"]["test"] = ["Atlantis"]
    world[0].write_text(yaml.safe_dump(values))
    with pytest.raises(AssertionError, match="Atlantis"):
        check_dataset(world[0])


def test_a_missing_label_file_is_named(world):
    card, root = world
    shutil.rmtree(root / "splits_new" / "Bb")
    with pytest.raises(AssertionError, match="Bb"):
        check_dataset(card, root)


def test_a_missing_image_is_named(world):
    card, root = world
    shutil.rmtree(root / "Aa" / "panorama")
    (root / "Aa" / "panorama").mkdir()
    with pytest.raises(AssertionError, match="the query image .* is not there"):
        check_dataset(card, root)


def test_queries_outside_their_tile_are_counted(world):
    card, root = world
    change_labels(root, lambda fields: [*fields[:2], "99.5", *fields[3:]])
    with pytest.raises(AssertionError, match="split 'same', test: 9 queries lie outside their tile"):
        check_dataset(card, root)


def test_a_positive_among_the_semi_positives_is_named(world, monkeypatch):
    card, root = world

    def read_wrongly(*arguments, layouts):
        task = read_task(*arguments, layouts=layouts)
        return dataclasses.replace(task, test=dataclasses.replace(task.test, covers=task.test.truth[:, None]))

    monkeypatch.setattr("cvgl_bench.testing.datasets.read_task", read_wrongly)
    with pytest.raises(AssertionError, match="split 'same', test: .*also among its semi-positives"):
        check_dataset(card, root)
