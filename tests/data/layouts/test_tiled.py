import dataclasses

import numpy as np
import pytest

from cvgl_bench.data import layouts
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, OptionError, UnknownNameError, UsageError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts

LAYOUTS = ["vigor", "dress"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_become_rows_and_positions(make, tmp_path, layout):
    tiled = make(tmp_path, layout)
    task = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)
    test = task.test
    lines = [fields for city in tiled.card.cities for fields in tiled.lines[city][1::2]]
    cities = [city for city in tiled.card.cities for _ in tiled.lines[city][1::2]]
    assert test.queries["name"].tolist() == [f"{c}/{f[0]}" for c, f in zip(cities, lines, strict=True)]
    assert test.references["name"][test.truth].tolist() == [
        f"{c}/{f[1]}" for c, f in zip(cities, lines, strict=True)
    ]
    for k in range(3):
        named = test.references["name"][test.covers[:, k]].tolist()
        assert named == [f"{c}/{f[4 + 3 * k]}" for c, f in zip(cities, lines, strict=True)]
    positions = np.concatenate([tiled.positions[city][1::2] for city in tiled.card.cities])
    np.testing.assert_allclose(test.position_px, positions, atol=1e-3)
    assert len(test.references) == 32 and len(task.train) == len(test) == 24
    assert task.label_edition == "made" and not task.partial


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_agree_with_the_coordinates(make, tmp_path, layout):
    """The offset by the labels is the distance from the query to the centre of its tile."""
    test = layouts.read_task(make(tmp_path, layout).card, "same", tmp_path, layouts=KNOWN).test
    tile = test.references.iloc[test.truth]
    far = geo.great_circle_m(test.queries["lat"], test.queries["lon"], tile["lat"], tile["lon"])
    np.testing.assert_allclose(test.offset_m, far, atol=0.05)


def test_training_references_are_all_tiles_or_the_positives(make, tmp_path):
    vigor = layouts.read_task(make(tmp_path / "v", "vigor").card, "same", tmp_path / "v", layouts=KNOWN).train
    assert len(vigor.references) == 32
    tiled = make(tmp_path / "d", "dress")
    dress = layouts.read_task(tiled.card, "same", tmp_path / "d", layouts=KNOWN).train
    positives = {f"{c}/{f[1]}" for c, lines in tiled.lines.items() for f in lines[::2]}
    assert set(dress.references["name"]) == positives and len(positives) < 32
    first = [tiled.lines["Aa"][0][field] for field in (4, 7, 10)]
    expected = [f"Aa/{name}" if f"Aa/{name}" in positives else None for name in first]
    assert [None if r < 0 else dress.references["name"][r] for r in dress.covers[0]] == expected
    assert (dress.covers == -1).any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_positive_named_again_stands_for_no_cover(make, tmp_path, layout):
    tiled = make(tmp_path, layout)
    for lines in tiled.lines.values():
        for fields in lines:
            fields[7:10] = fields[1:4]
    tiled.write()
    covers = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN).test.covers
    assert (covers[:, 1] == -1).all() and (covers[:, [0, 2]] >= 0).all()


def test_cross_area_joins_the_halves_where_the_whole_is_missing(make, tmp_path):
    tiled = make(tmp_path, "vigor")
    whole = layouts.read_task(tiled.card, "cross", tmp_path, layouts=KNOWN)
    assert set(whole.train.queries["city"]) == {"Aa"} and set(whole.test.references["city"]) == {"Bb"}
    for city in tiled.card.cities:
        (tiled.folder / city / "pano_label_balanced.txt").unlink()
    joined = layouts.read_task(tiled.card, "cross", tmp_path, layouts=KNOWN)
    assert len(joined.test) == len(whole.test) == 24
    assert set(joined.test.queries["name"]) == set(whole.test.queries["name"])


def test_equal_names_in_two_cities_stay_apart(make, tmp_path):
    tiled = make(tmp_path, "vigor")
    for kind in ("satellite_list", "same_area_balanced_train", "same_area_balanced_test"):
        text = (tiled.folder / "Aa" / f"{kind}.txt").read_text()
        (tiled.folder / "Bb" / f"{kind}.txt").write_text(text)
    test = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN).test
    cities = test.references["city"].to_numpy()[test.truth]
    assert (cities == test.queries["city"].to_numpy()).all() and len(test.references) == 32


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_subset_of_the_cities_is_partial(make, tmp_path, layout):
    tiled = make(tmp_path, layout)
    task = layouts.read_task(tiled.card, "same", tmp_path, cities=["Bb"], layouts=KNOWN)
    assert task.partial and set(task.test.references["city"]) == {"Bb"} and len(task.test) == 12
    with pytest.raises(UsageError, match="--cities Bb leaves none"):
        layouts.read_task(tiled.card, "cross", tmp_path, cities=["Bb"], layouts=KNOWN)
    with pytest.raises(OptionError, match="no city 'bb'. Did you mean 'Bb'"):
        layouts.read_task(tiled.card, "same", tmp_path, cities=["bb"], layouts=KNOWN)
    with pytest.raises(UnknownNameError, match="no split 'crss'. Did you mean 'cross'"):
        layouts.read_task(tiled.card, "crss", tmp_path, layouts=KNOWN)


def test_both_image_layouts_are_found(make, tmp_path):
    card = make(tmp_path, "vigor").card
    assert (
        layouts.read_task(card, "same", tmp_path, layouts=KNOWN)
        .test.queries["path"][0]
        .startswith("Aa/panorama/q1,")
    )
    (tmp_path / "ground").mkdir()
    test = layouts.read_task(card, "same", tmp_path, layouts=KNOWN).test
    assert test.queries["path"][0].startswith("ground/Aa/q1,")
    assert test.references["path"][20].startswith("satellite/Bb/satellite_")


@pytest.mark.parametrize("folder", ["splits", "splits_new", "splits__corrected", "splits_corrected", ""])
def test_every_label_folder_is_found(make, tmp_path, folder):
    tiled = make(tmp_path, "vigor", folder=folder)
    assert len(layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN).test) == 24


@pytest.mark.parametrize(
    "anchor, name", [((0.5, 0.5), "centre"), ((0, 0), "top-left"), ((1, 1), "bottom-right")]
)
def test_the_tile_coordinate_may_be_a_corner(make, tmp_path, anchor, name):
    tiled = make(tmp_path, "dress", anchor=anchor)
    task = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)
    assert any(name in note for note in task.notes)
    centred = layouts.read_task(make(tmp_path / "c", "dress").card, "same", tmp_path / "c", layouts=KNOWN)
    for axis in ("lat", "lon"):
        np.testing.assert_allclose(task.test.references[axis], centred.test.references[axis], atol=2e-8)


def test_labels_that_fit_no_anchor_are_said_to(make, tmp_path):
    tiled = make(tmp_path, "dress", anchor=(0.75, 0.5))
    notes = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN).notes
    assert any("25 px" in note and "labels lie" in note for note in notes)


EDITIONS = {"original": 0.2 * 1.01, "corrected": {"Aa": 0.2, "Bb": 0.2}}


def with_editions(card):
    return dataclasses.replace(
        card, label_editions=("original", "corrected"), tile={**card.tile, "m_per_px": EDITIONS}
    )


@pytest.mark.parametrize("scale, edition", [(1.01, "original"), (1.0, "corrected")])
def test_the_label_edition_is_recognised(make, tmp_path, scale, edition):
    tiled = make(tmp_path, "vigor", scale=scale)
    card = with_editions(tiled.card)
    task = layouts.read_task(card, "same", tmp_path, layouts=KNOWN)
    assert task.label_edition == edition
    np.testing.assert_allclose(task.test.references["m_per_px"], 0.2 * scale)
    assert (
        layouts.read_task(card, "same", tmp_path, label_edition=edition, layouts=KNOWN).label_edition
        == edition
    )
    other = ({"original", "corrected"} - {edition}).pop()
    with pytest.raises(DataError, match=f"edition '{other}' was asked for, but the labels are the {edition}"):
        layouts.read_task(card, "same", tmp_path, label_edition=other, layouts=KNOWN)


def test_an_unknown_label_edition_is_refused_by_name(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.1)
    card = with_editions(tiled.card)
    with pytest.raises(OptionError, match="Label edition 'corected' is unknown.*Did you mean 'corrected'"):
        layouts.read_task(card, "same", tmp_path, label_edition="corected", layouts=KNOWN)
    with pytest.raises(DataError, match="of no known edition.*0.2200"):
        layouts.read_task(card, "same", tmp_path, layouts=KNOWN)


def test_a_folder_that_contradicts_the_geometry_is_noted(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.01, folder="splits__corrected")
    task = layouts.read_task(with_editions(tiled.card), "same", tmp_path, layouts=KNOWN)
    assert task.label_edition == "original"
    assert any("called corrected, but by their geometry they are original" in note for note in task.notes)


def test_of_two_editions_the_wanted_one_is_read(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.01)
    corrected = make(tmp_path, "vigor", folder="splits__corrected")
    corrected.write(suffix="__corrected")
    card = with_editions(tiled.card)
    default = layouts.read_task(card, "same", tmp_path, layouts=KNOWN)
    assert default.label_edition == "corrected" and any("there are others" in note for note in default.notes)
    assert (
        layouts.read_task(card, "same", tmp_path, label_edition="original", layouts=KNOWN).label_edition
        == "original"
    )


def test_a_scale_that_does_not_fit_the_only_edition_is_noted(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.05)
    notes = layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN).notes
    assert any("do not fit the coordinates" in note and "0.2100" in note for note in notes)


def damage(tiled, city, row, field, value, part="same_area_balanced_train"):
    tiled.lines[city][row][field] = value
    tiled.write()
    return tiled.folder / city / f"{part}.txt"


@pytest.mark.parametrize("field", [1, 4, 10])
def test_a_tile_that_is_not_listed_is_named(make, tmp_path, field):
    tiled = make(tmp_path, "vigor")
    path = damage(tiled, "Bb", 4, field, "satellite_1.0_2.0.png")
    with pytest.raises(DataError) as caught:
        layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)
    assert f"{path}, line 3: tile 'satellite_1.0_2.0.png' is not in" in str(caught.value)


def test_a_panorama_without_coordinates_or_with_two_labels_is_named(make, tmp_path):
    tiled = make(tmp_path, "vigor")
    path = damage(tiled, "Aa", 2, 0, "q,.jpg")
    with pytest.raises(DataError) as caught:
        layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)
    assert f"{path}, line 2: the name 'q,.jpg'" in str(caught.value)
    damage(tiled, "Aa", 2, 0, tiled.lines["Aa"][0][0])
    with pytest.raises(DataError, match="line 2: 'q0,.*has a label before"):
        layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)


def test_missing_files_are_named(make, tmp_path):
    tiled = make(tmp_path, "vigor")
    (tiled.folder / "Bb" / "same_area_balanced_test.txt").unlink()
    with pytest.raises(DataError, match="same_area_balanced_test.txt does not exist; 1 of 4 label files"):
        layouts.read_task(tiled.card, "same", tmp_path, layouts=KNOWN)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no labels of tiny.*splits.*It is made by the tests"):
        layouts.read_task(tiled.card, "same", empty, layouts=KNOWN)
    (tiled.folder / "Bb" / "satellite_list.txt").unlink()
    with pytest.raises(DataError, match="satellite_list.txt does not exist"):
        layouts.read_task(tiled.card, "cross", tmp_path, layouts=KNOWN)
