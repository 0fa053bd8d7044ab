import shutil
from pathlib import Path

import pytest

from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.report.leaderboard import add, build, check, write
from cvgl_bench.report.leaderboard.pages import MARKER

REPOSITORY = Path(__file__).parents[3] / "leaderboards"

PUBLISHED = """
dataset: town
title: Town
sources: {here: "a paper"}
rows:
  - {method: Net, split: cross, source: here, per_cent: {recall@1: 12.3}}
"""


@pytest.fixture(scope="module")
def datasets():
    return load_plugins([]).datasets


@pytest.fixture
def folder(tmp_path, make_result):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "town.yaml").write_text(PUBLISHED)
    add(tmp_path, make_result(id="first"))
    return tmp_path


def test_one_page_a_data_set_and_an_index(folder, datasets):
    assert write(folder, datasets=datasets) == ["README.md", "city.md", "town.md"]
    assert "results/first.json" in (folder / "city.md").read_text()
    assert "[Town](town.md)" in (folder / "README.md").read_text()


def test_published_figures_of_the_harness_stand_beside_ones_own_results(tmp_path, datasets, make_result):
    add(tmp_path, make_result(id="mine", task={"dataset": "vigor"}))
    assert write(tmp_path, datasets=datasets) == ["README.md", "vigor.md"], "no page without a result"
    page = (tmp_path / "vigor.md").read_text()
    assert "### Measured" in page and "TransGeo" in page
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "vigor.yaml").write_text(PUBLISHED.replace("town", "vigor"))
    write(tmp_path, datasets=datasets)
    page = (tmp_path / "vigor.md").read_text()
    assert "12.30" in page and "TransGeo" not in page, "the folder's own come first"


def test_writing_again_changes_nothing(folder, datasets):
    write(folder, datasets=datasets)
    before = {path.name: path.read_bytes() for path in folder.glob("*.md")}
    assert write(folder, datasets=datasets) == []
    assert {path.name: path.read_bytes() for path in folder.glob("*.md")} == before


def test_a_new_result_makes_its_pages_stale(folder, datasets, make_result):
    write(folder, datasets=datasets)
    assert check(folder, datasets=datasets) == []
    add(folder, make_result(id="second", seed=2))
    assert check(folder, datasets=datasets) == ["city.md"]
    write(folder, datasets=datasets)
    assert check(folder, datasets=datasets) == []


def test_an_edited_and_a_missing_page_are_stale(folder, datasets):
    write(folder, datasets=datasets)
    (folder / "city.md").write_text((folder / "city.md").read_text().replace("50.00", "99.00"))
    (folder / "town.md").unlink()
    assert check(folder, datasets=datasets) == ["city.md", "town.md"]


def test_a_page_without_content_is_removed_but_only_if_generated(folder, datasets):
    write(folder, datasets=datasets)
    (folder / "published" / "town.yaml").unlink()
    (folder / "notes.md").write_text("mine")
    assert check(folder, datasets=datasets) == ["README.md", "town.md"]
    write(folder, datasets=datasets)
    assert not (folder / "town.md").exists()
    assert (folder / "notes.md").read_text() == "mine"


def test_a_page_that_somebody_wrote_is_not_overwritten(folder, datasets):
    (folder / "city.md").write_text("my own words")
    with pytest.raises(ResultError, match=r"city\.md is not a generated page"):
        write(folder, datasets=datasets)
    assert (folder / "city.md").read_text() == "my own words"
    assert not (folder / "README.md").exists()


def test_a_known_data_set_gives_its_title(folder, datasets, make_result):
    add(folder, make_result(id="dress", task={"dataset": "dress"}))
    assert build(folder, datasets=datasets)["dress.md"].startswith(f"{MARKER}\n\n# DReSS\n")
    assert build(folder, datasets=datasets)["city.md"].startswith(f"{MARKER}\n\n# city\n")


def test_add_never_overwrites(folder, make_result):
    path = folder / "results" / "first.json"
    before = path.read_bytes()
    with pytest.raises(ResultError, match=r"first\.json exists and is never overwritten"):
        add(folder, make_result(0.99, id="first"))
    assert path.read_bytes() == before


def test_published_figures_are_not_added_as_results(folder, make_result):
    with pytest.raises(ResultError, match="published figures; they belong in"):
        add(folder, make_result(id="quoted", origin="published", source="a paper"))


def test_a_file_is_named_after_its_result(folder, datasets):
    shutil.copy(folder / "results" / "first.json", folder / "results" / "copy.json")
    with pytest.raises(ResultError, match=r"copy\.json holds the result 'first'"):
        build(folder, datasets=datasets)


def test_a_published_file_is_named_after_its_data_set(folder, datasets):
    (folder / "published" / "town.yaml").rename(folder / "published" / "village.yaml")
    with pytest.raises(ResultError, match=r"village\.yaml holds figures of 'town'"):
        build(folder, datasets=datasets)


def test_a_broken_result_is_named(folder, datasets):
    (folder / "results" / "bad.json").write_text("{}")
    with pytest.raises(ResultError, match=r"bad\.json"):
        write(folder, datasets=datasets)


def test_a_folder_that_is_not_there_is_named(tmp_path, datasets):
    with pytest.raises(ResultError, match="nowhere is not a folder"):
        check(tmp_path / "nowhere", datasets=datasets)


def test_the_pages_of_this_repository_are_up_to_date(datasets):
    assert check(REPOSITORY, datasets=datasets) == []


@pytest.mark.parametrize("name", ["README", "readme"])
def test_no_data_set_takes_the_place_of_the_index(folder, datasets, make_result, name):
    add(folder, make_result(id="x", task={"dataset": name}))
    with pytest.raises(ResultError, match=f"x.json is about the data set '{name}'.*the index"):
        build(folder, datasets=datasets)


def test_two_names_that_some_systems_take_for_one_are_refused(folder, datasets, make_result):
    add(folder, make_result(id="x", task={"dataset": "City"}))
    with pytest.raises(ResultError, match="on 'City' and on 'city'"):
        build(folder, datasets=datasets)


def test_what_systems_leave_beside_files_is_no_result(folder, datasets):
    before = write(folder, datasets=datasets)
    (folder / "results" / "._first.json").write_bytes(b"\0\5\x16\7")
    (folder / "published" / "._town.yaml").write_bytes(b"\0\5\x16\7")
    assert before and check(folder, datasets=datasets) == []


def test_notes_in_another_encoding_stay_as_they_are(folder, datasets):
    (folder / "notes.md").write_bytes(b"\xff\xfe\xe9")
    write(folder, datasets=datasets)
    assert (folder / "notes.md").read_bytes() == b"\xff\xfe\xe9"
