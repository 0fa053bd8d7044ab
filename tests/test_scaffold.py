"""What `plugin new` writes works as it is: its own test passes, it is found, and it is small."""

import importlib.metadata
import importlib.resources
import runpy
import sys

import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.report import leaderboard
from cvgl_bench.running.execution import execute
from cvgl_bench.running.request import Request, prepare
from cvgl_bench.scaffold import TEMPLATES, write_plugin

METHOD_LINES = 60


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "cvgl-street-net"
    write_plugin("street-net", folder)
    yield folder
    for name in [name for name in sys.modules if name.startswith("cvgl_street_net")]:
        del sys.modules[name]


def test_writes_every_template_and_says_so(tmp_path):
    written = write_plugin("net", tmp_path / "new")
    assert len(written) == len(TEMPLATES) and all(path.is_file() for path in written)
    templates = {file.name for file in importlib.resources.files("cvgl_bench.scaffold").iterdir()}
    assert {name for name in templates if name.endswith(".in")} == set(TEMPLATES)


def test_no_placeholder_is_left(plugin):
    for path in plugin.rglob("*"):
        if path.is_file():
            assert "$" not in path.read_text(), path


def test_the_method_is_short(plugin):
    assert len((plugin / "cvgl_street_net" / "method.py").read_text().splitlines()) < METHOD_LINES


def test_the_distribution_names_its_entry_point(plugin):
    tomllib = pytest.importorskip("tomllib", reason="reading TOML needs Python 3.11")
    project = tomllib.loads((plugin / "pyproject.toml").read_text())
    assert project["project"]["name"] == "cvgl-street-net"
    assert project["project"]["entry-points"]["cvgl_bench"] == {"street-net": "cvgl_street_net"}
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["cvgl_street_net*"]


def test_its_own_tests_pass_as_generated(plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(plugin))
    tests = runpy.run_path(str(plugin / "tests" / "test_method.py"))
    found = [test for name, test in tests.items() if name.startswith("test_")]
    assert found
    for test in found:
        test()


def test_the_method_is_found_through_its_entry_point(plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(plugin))
    entry_point = importlib.metadata.EntryPoint("street-net", "cvgl_street_net", "cvgl_bench")
    plugins = load_plugins([entry_point])
    method = plugins.methods["street-net"]
    assert (method.title, method.__name__) == ("Street Net", "StreetNet")
    assert (method.recipes / "default.yaml").is_file()
    assert plugins.hooks_of("street-net") == ["cvgl_methods"]


def test_the_method_runs_and_is_ranked_by_its_entry_point_alone(plugin, noise_world, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(plugin))
    entry_point = importlib.metadata.EntryPoint("street-net", "cvgl_street_net", "cvgl_bench")
    plugins = load_plugins([entry_point])
    card, root = noise_world
    values = {
        "training.epochs": 2,
        "training.batch_size": 4,
        "machine.workers": 0,
    }
    request = Request(
        method="street-net", dataset=str(card), split="cross", data_root=root, values={"the test": values}
    )
    board = tmp_path / "board"
    run = prepare(request, plugins, output=tmp_path / "run", leaderboard=board)
    result = execute(run)
    assert result.method.title == "Street Net"
    assert f"results/{result.id}.json" in (board / "noise.md").read_text()
    metrics = {id: entry.thing for id, entry in plugins.metrics}
    assert leaderboard.verify(board, tmp_path / "run", metrics) == []
    assert leaderboard.check(board, datasets=plugins.datasets) == []


def test_an_existing_folder_is_refused_untouched(plugin):
    (plugin / "README.md").write_text("mine")
    with pytest.raises(UsageError, match="exists and is not written into"):
        write_plugin("other", plugin)
    assert (plugin / "README.md").read_text() == "mine"


def test_a_place_that_cannot_hold_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        write_plugin("net", tmp_path / "file" / "new")
