import dataclasses

import pytest

from cvgl_bench.data import layouts
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


def test_the_given_root_wins_then_the_environment(make, tmp_path):
    card = make(tmp_path / "here", "vigor").card
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    environ = {"CVGL_DATA": str(tmp_path / "data")}
    assert layouts.find_root(card, tmp_path / "here", layouts=KNOWN, environ=environ) == tmp_path / "here"
    assert layouts.find_root(card, tmp_path / "data", layouts=KNOWN, environ={}) == tmp_path / "data" / "tiny"
    assert layouts.find_root(card, None, layouts=KNOWN, environ=environ) == tmp_path / "data" / "tiny"


def test_a_missing_root_says_what_is_expected_and_where_to_get_it(make, tmp_path):
    card = make(tmp_path, "vigor").card
    for given, environ in ((tmp_path / "no", {}), (None, {}), (None, {"CVGL_DATA": str(tmp_path / "no")})):
        with pytest.raises(DataError) as caught:
            layouts.find_root(card, given, layouts=KNOWN, environ=environ)
        assert "{panorama,satellite}" in str(caught.value) and "It is made by the tests." in str(caught.value)
        assert given or "--dataset mini-dress" in str(caught.value)


def test_a_card_that_knows_its_folder_needs_no_root(make, tmp_path):
    card = dataclasses.replace(make(tmp_path / "here", "vigor").card, folder=str(tmp_path / "here"))
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    environ = {"CVGL_DATA": str(tmp_path / "data")}
    assert layouts.find_root(card, None, layouts=KNOWN, environ=environ) == tmp_path / "here"
    assert layouts.find_root(card, tmp_path / "data", layouts=KNOWN) == tmp_path / "data" / "tiny"
    gone = dataclasses.replace(card, folder=str(tmp_path / "gone"))
    with pytest.raises(DataError, match="gone, which is not a folder. Say by --data-root"):
        layouts.find_root(gone, None, layouts=KNOWN, environ=environ)


def test_a_generated_data_set_needs_no_root(make, tmp_path):
    card = dataclasses.replace(make(tmp_path, "vigor").card, generated="tiny")
    assert layouts.find_root(card, None, layouts=KNOWN, environ={}) is None
    assert layouts.find_root(card, tmp_path, layouts=KNOWN, environ={}) == tmp_path
