from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_writes_a_plugin_and_says_what_to_do_next(run_command):
    answer = run_command("plugin", "new", "street-net")
    assert answer.code == 0, answer.err
    assert Path("cvgl-street-net/cvgl_street_net/method.py").is_file()
    for words in ("cvgl-street-net/pyproject.toml", "pip install -e cvgl-street-net", "--method street-net"):
        assert words in answer.out


def test_the_folder_may_be_chosen(run_command):
    run_command("plugin", "new", "net", "--directory", "here/mine")
    assert Path("here/mine/pyproject.toml").is_file() and not Path("cvgl-net").exists()


def test_an_existing_folder_is_refused(run_command):
    Path("cvgl-net").mkdir()
    answer = run_command("plugin", "new", "net")
    assert answer.code == 2 and "cvgl-net exists" in answer.err
    assert list(Path("cvgl-net").iterdir()) == []


@pytest.mark.parametrize("name", ["Net", "my_net", "../net", "a b", "net-", "-net", "2net", "", "a--b", "ü"])
def test_a_name_that_is_no_name_is_refused(run_command, name):
    answer = run_command("plugin", "new", "--", name)
    assert answer.code == 2 and "cannot name a method" in answer.err
    assert list(Path.cwd().iterdir()) == []


def test_a_name_that_is_taken_is_refused_with_its_origin(run_command):
    answer = run_command("plugin", "new", "chance")
    assert answer.code == 2 and "'chance' exists, offered by cvgl-bench" in answer.err
