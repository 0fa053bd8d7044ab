import dataclasses
import json
import shutil

import pytest
from PIL import Image

from cvgl_bench.data_tools.inspection import verify
from cvgl_bench.data_tools.inspection.decoding import Decoded
from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.minicity.world import GENERATOR_VERSION
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


def grouped(root, cities):
    for view, name in (("ground", "panorama"), ("satellite", "satellite")):
        (root / view).mkdir()
        for city in cities:
            (root / city / name).rename(root / view / city)


def edit(path, row, change):
    lines = path.read_text().splitlines()
    lines[row] = change(lines[row])
    path.write_text("\n".join(lines) + "\n")


def labels(root, city="Chicago", stem="same_area_balanced_train"):
    (path,) = (p for p in root.glob(f"splits*/{city}/*") if p.name.startswith(stem))
    return path


@pytest.mark.parametrize("name", ["mini-dress", "mini-vigor"])
def test_a_generated_world_passes(copy, name):
    card, root = copy(name)
    found = verify(card, root, layouts=KNOWN)
    assert found.passed, [str(p) for p in found.problems]
    assert found.checked == {"labels": 48, "images": 42}
    assert found.label_edition == f"generator-{GENERATOR_VERSION}" and found.tile_coordinate == "centre"
    assert [city.city for city in found.cities] == list(card.cities) and found.notes == []


def test_the_other_vigor_layout_passes(copy):
    card, root = copy("mini-vigor")
    grouped(root, card.cities)
    found = verify(card, root, layouts=KNOWN)
    assert found.passed and found.checked["images"] == 42


def field(number, value):
    def change(line):
        fields = line.split()
        fields[number] = value if isinstance(value, str) else f"{float(fields[number]) + value:.3f}"
        return " ".join(fields)

    return change


def first_image(root, folder):
    return sorted((root / folder).iterdir())[0]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def html(path):
    path.write_text("<html><body>403 Forbidden</body></html>")


def shrink(path):
    Image.open(path).resize((20, 20)).save(path)


def twice_listed(root):
    path = labels(root, stem="satellite_list")
    path.write_text(path.read_text() + path.read_text().splitlines()[2] + "\n")
    return path, 10


def tile_twice(root):
    path = labels(root)
    edit(path, 2, lambda text: field(7, text.split()[4])(text))
    return path, 3


def leak(root):
    line = labels(root).read_text().splitlines()[0]
    path = labels(root, stem="same_area_balanced_test")
    path.write_text(path.read_text() + line + "\n")
    return path, 7


def in_labels(row, number, value):
    def damage(root):
        path = labels(root)
        edit(path, row, field(number, value))
        return path, row + 1

    return damage


def to_file(folder, change):
    def damage(root):
        path = first_image(root, folder)
        change(path)
        return path.relative_to(root), None

    return damage


def same_content(root):
    first, second = sorted((root / "Rio" / "satellite").iterdir())[:2]
    second.write_bytes(first.read_bytes())
    return second.relative_to(root), None


DAMAGE = {
    "a field too many": (in_labels(1, 12, "1 2"), "label", "14 fields where 13"),
    "not a number": (in_labels(2, 3, "east"), "label", "field 4 is 'east'"),
    "a tile that is not listed": (in_labels(0, 4, "s_z_1.0_2.0.jpg"), "label", "'s_z_1.0_2.0.jpg' is not in"),
    "a name with a folder": (in_labels(3, 0, "../p,c,1,2,0,.jpg"), "label", "is a path"),
    "a name without coordinates": (in_labels(3, 0, "p.jpg"), "label", "no latitude and longitude"),
    "latitude and longitude swapped": (
        in_labels(3, 0, "p,Chicago,-87.63,41.88,0,.jpg"), "geometry", "px from where the names put it"
    ),
    "a label that is off": (in_labels(2, 2, 3.0), "geometry", "px from where the names put it"),
    "a query outside its tile": (in_labels(2, 2, 64.0), "outside", "outside its tile"),
    "one tile twice in a label": (tile_twice, "label", "one tile is named twice"),
    "a tile listed twice": (twice_listed, "label", "occurs twice"),
    "a training query that tests": (leak, "leak", "is a training query too"),
    "a missing panorama": (to_file("Rio/panorama", lambda path: path.unlink()), "missing", "does not exist"),
    "a missing tile": (to_file("Chicago/satellite", lambda path: path.unlink()), "missing", "does not exist"),
    "a truncated image": (to_file("Chicago/satellite", truncate), "image", "cannot be decoded"),
    "an error page": (to_file("Rio/satellite", html), "image", "a text page saved as an image"),
    "an empty file": (to_file("Rio/satellite", lambda path: path.write_bytes(b"")), "image", "is empty"),
    "another size": (to_file("Rio/satellite", shrink), "size", "is 20 x 20 px where 17 others are 32 x 32"),
    "one content twice": (same_content, "copy", "has the same content as Rio/satellite"),
}  # fmt: skip


@pytest.mark.parametrize("damage, kind, reason", DAMAGE.values(), ids=DAMAGE)
def test_planted_damage_is_named_with_file_and_reason(copy, damage, kind, reason):
    card, root = copy()
    path, line = damage(root)
    found = [p for p in verify(card, root, layouts=KNOWN).problems if p.kind == kind and reason in p.reason]
    assert found, [str(p) for p in verify(card, root, layouts=KNOWN).problems]
    assert found[0].path == str(path) and found[0].line == line
    assert str(path) in str(found[0]) and (line is None or f"line {line}" in str(found[0]))


def test_labels_of_which_nothing_can_be_used_are_named_and_no_more(copy):
    card, root = copy()
    for path in root.glob("splits_new/*/*"):
        path.write_text("nothing of use\n")
    found = verify(card, root, layouts=KNOWN)
    assert {p.kind for p in found.problems} == {"label", "count"} and found.cities == []


def test_several_faults_are_all_named(copy):
    card, root = copy()
    for damage in ("a field too many", "not a number", "a missing tile", "an error page"):
        DAMAGE[damage][0](root)
    assert {p.kind for p in verify(card, root, layouts=KNOWN).problems} >= {"label", "missing", "image"}
    assert sum(p.path == str(labels(root)) for p in verify(card, root, layouts=KNOWN).problems) >= 2


def test_counts_are_compared_with_the_card(copy):
    card, root = copy()
    card = dataclasses.replace(card, counts={"tiles": {"Chicago": 9, "Rio": 10}, "queries": 25})
    reasons = [p.reason for p in verify(card, root, layouts=KNOWN).problems]
    assert reasons == [
        "Rio has 9 tiles where the card says 10",
        "there are 24 queries where the card says 25",
    ]
    assert verify(card, root, cities=["Chicago"], layouts=KNOWN).passed, "a part of the cities has no total"


def test_an_incomplete_whole_is_named(copy):
    card, root = copy()
    path = labels(root, stem="pano_label_balanced")
    path.write_text("\n".join(path.read_text().splitlines()[1:]) + "\n")
    (problem,) = verify(card, root, images=False, layouts=KNOWN).problems
    assert "1 panoramas" in problem.reason and "pano_label_balanced" in problem.reason


def test_files_that_no_list_names_are_noted(copy):
    card, root = copy()
    (root / "Rio" / "satellite" / "extra.jpg").write_bytes(b"")
    found = verify(card, root, layouts=KNOWN)
    assert found.passed and found.notes == ["1 files in Rio/satellite are in no list, such as extra.jpg"]


def test_a_wrong_scale_is_named_once_not_for_every_line(copy):
    card, root = copy("mini-vigor")
    card = dataclasses.replace(card, tile={**card.tile, "zoom": 18.2})
    problems = verify(card, root, images=False, layouts=KNOWN).problems
    assert {p.kind for p in problems} == {"geometry"}
    assert "do not fit the coordinates" in problems[0].reason and len(problems) <= 7


def test_labels_without_images_are_checked_and_each_missing_folder_is_named_once(copy, tmp_path):
    card, root = copy()
    shutil.copytree(root / "splits_new", tmp_path / "bare" / "splits_new")
    (tmp_path / "bare" / "Rio" / "panorama").mkdir(parents=True)
    found = verify(card, tmp_path / "bare", layouts=KNOWN)
    assert [p.path for p in found.problems] == [
        f"{city}/{view}" for city in card.cities for view in ("satellite", "panorama")
    ]
    assert "9 images are listed, but the folder does not exist" in found.problems[0].reason
    assert "12 images are listed, but the folder holds none of them" in found.problems[3].reason
    assert found.checked == {"labels": 48, "images": 0} and len(found.cities) == 2
    assert found.notes == ["no image is there; --no-images checks lists and labels alone"]


def test_cities_without_labels_are_named_and_the_others_checked(copy):
    card, root = copy()
    shutil.rmtree(root / "splits_new" / "Rio")
    found = verify(card, root, layouts=KNOWN)
    missing, *counts = found.problems
    assert missing.kind == "missing" and "Rio" in missing.reason and counts == []
    assert "--cities Chicago asks for no others" in found.notes[0]
    assert [city.city for city in found.cities] == ["Chicago"] and found.checked["images"] == 21


def test_the_scale_of_the_labels_is_measured(copy):
    card, root = copy()
    found = verify(card, root, images=False, layouts=KNOWN)
    assert list(found.m_per_px) == ["Chicago", "Rio"]
    for measured, by_card in found.m_per_px.values():
        assert measured == pytest.approx(by_card, rel=0.01) and 0.3 < by_card < 0.6


def test_images_of_another_size_than_the_cards_are_noted(copy):
    card, root = copy()
    found = verify(
        dataclasses.replace(card, panorama={**card.panorama, "size_px": (512, 1024)}), root, layouts=KNOWN
    )
    assert found.passed and found.notes == ["query images are 32 x 16 px where the card says 1024 x 512"]


def test_missing_labels_are_a_problem_and_unknown_cities_an_error(copy, tmp_path):
    card, root = copy()
    (problem,) = verify(card, tmp_path, images=False, layouts=KNOWN).problems
    assert problem.kind == "missing" and "holds no labels" in problem.reason
    with pytest.raises(OptionError, match="no city 'Lyon'"):
        verify(card, root, cities=["Lyon"], layouts=KNOWN)


def test_decoding_finds_what_headers_do_not(copy, tmp_path):
    card, root = copy("mini-vigor")
    path = sorted((root / "Chicago" / "satellite").iterdir())[0]
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    assert verify(card, root, layouts=KNOWN).passed
    with Decoded(tmp_path / "record.jsonl") as decoded:
        (problem,) = verify(card, root, decoded=decoded, layouts=KNOWN).problems
    assert problem.kind == "image" and problem.path == str(path.relative_to(root))


def test_decoding_goes_on_where_it_stopped(copy, tmp_path):
    card, root = copy()
    record = tmp_path / "record.jsonl"
    with Decoded(record) as decoded:
        assert verify(card, root, decoded=decoded, layouts=KNOWN).checked["images decoded"] == 42
    lines = record.read_text().splitlines()
    assert len(lines) == 42 and json.loads(lines[0])
    record.write_text("\n".join(lines[:30]) + '\n["torn')
    changed = json.loads(lines[0])[0]
    (root / changed).touch()
    with Decoded(record) as decoded:
        checked = verify(card, root, decoded=decoded, layouts=KNOWN).checked
    assert checked["images decoded"] == 13 and checked["images decoded before"] == 29
