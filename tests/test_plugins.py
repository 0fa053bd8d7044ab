"""Plugins are found by entry points; each test builds its own list of them."""

import importlib.metadata
import sys
import types
from pathlib import Path

import pytest

import cvgl_bench
from cvgl_bench import hookimpl
from cvgl_bench import plugins as plugins_module
from cvgl_bench.foundation.errors import PluginError, UnknownNameError
from cvgl_bench.method import Method
from cvgl_bench.plugins import load_plugins
from cvgl_bench.scoring.metrics import Metric

WRONG_HOOK = """
from cvgl_bench import hookimpl

@hookimpl
def cvgl_method():
    return []
"""
DEFAULTED = """
from cvgl_bench import hookimpl

@hookimpl
def cvgl_run_finished(run, result=None):
    pass
"""
WRONG_ARGUMENT = """
from cvgl_bench import hookimpl

@hookimpl
def cvgl_epoch_finished(run, epoch, accuracy):
    pass
"""
OFFERS_NONSENSE = """
from cvgl_bench import hookimpl

@hookimpl
def cvgl_methods():
    return ["frozen"]
"""
FAILS_LATE = """
from cvgl_bench import hookimpl

@hookimpl
def cvgl_methods():
    import a_library_that_is_not_installed
"""


class Toy(Method):
    """Not embedding anything."""

    name, title = "toy", "Toy"

    def build(self):
        """Return nothing."""

    def embed(self, network, images, view):
        """Return nothing."""


def module(name, **attributes):
    made = types.ModuleType(name)
    vars(made).update(attributes)
    return made


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a distribution with one plugin and returns its entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install(distribution, source, *, name=None, version="1.2"):
        module_name = distribution.replace("-", "_")
        (tmp_path / f"{module_name}.py").write_text(source)
        info = tmp_path / f"{module_name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[cvgl_bench]\n{name or module_name} = {module_name}\n")
        found = importlib.metadata.Distribution.at(info).entry_points
        return list(found)

    yield install
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in sys.modules[name].__file__:
            del sys.modules[name]


def offering_toy(name):
    return module(name, cvgl_methods=hookimpl(module_function("cvgl_methods", [Toy])))


def module_function(name, offers):
    def hook():
        return offers

    hook.__name__ = name
    return hook


def test_builtins_come_in_through_the_hooks():
    plugins = load_plugins([])
    assert {"chance", "frozen"} <= {name for name, _ in plugins.methods}
    assert "recall@1" in plugins.metrics
    assert {"mini-dress", "vigor"} <= {name for name, _ in plugins.datasets}
    origin = plugins.methods.entry("chance").origin
    assert (origin.plugin, origin.distribution, origin.version) == (
        "builtin",
        "cvgl-bench",
        cvgl_bench.__version__,
    )
    assert {"cvgl_datasets", "cvgl_methods", "cvgl_metrics"} <= set(plugins.hooks_of("builtin"))
    assert plugins.broken == []


def test_an_extra_module_offers_a_method():
    plugins = load_plugins([], [offering_toy("mine")])
    assert plugins.methods["toy"] is Toy
    assert plugins.hooks_of("mine") == ["cvgl_methods"]


def test_an_installed_plugin_is_found_with_its_distribution_and_version(installed):
    source = "from cvgl_bench import hookimpl\n@hookimpl\ndef cvgl_metrics():\n    return []\n"
    plugins = load_plugins(installed("cvgl-good", source, name="good"))
    assert str(plugins.origins["good"]) == "cvgl-good 1.2"
    assert plugins.broken == []


def test_methods_are_offered_once_and_kept():
    calls = []

    @hookimpl
    def cvgl_methods():
        calls.append(1)
        return [Toy]

    plugins = load_plugins([], [module("counted", cvgl_methods=cvgl_methods)])
    assert calls == []
    assert "toy" in plugins.methods and "toy" in plugins.methods
    assert calls == [1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import a_library_that_is_not_installed", "ModuleNotFoundError: No module named 'a_library"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        (WRONG_HOOK, "there is no hook 'cvgl_method'. Did you mean 'cvgl_methods'?"),
        (DEFAULTED, "cvgl_run_finished() gives its argument result a default"),
        (WRONG_ARGUMENT, "accuracy"),
    ],
)
def test_a_broken_plugin_is_reported_and_the_rest_works(installed, source, words):
    plugins = load_plugins(installed("cvgl-broken", source, name="broken"), [offering_toy("mine")])
    assert [str(broken.origin) for broken in plugins.broken] == ["cvgl-broken 1.2"]
    text = str(plugins.broken[0])
    assert "'broken'" in text and words in text and "\n" not in text
    assert "chance" in plugins.methods and "toy" in plugins.methods
    assert "broken" not in plugins.origins


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (OFFERS_NONSENSE, "TypeError: 'frozen' is not a complete subclass of cvgl_bench.method.Method"),
        (FAILS_LATE, "ModuleNotFoundError: No module named 'a_library_that_is_not_installed'"),
    ],
)
def test_a_plugin_whose_offers_fail_is_reported_and_the_rest_works(installed, source, words):
    plugins = load_plugins(installed("cvgl-late", source, name="late"))
    assert plugins.broken == []
    assert "chance" in plugins.methods
    assert words in str(plugins.broken[0]) and "cvgl_methods() fails" in str(plugins.broken[0])


def test_an_unknown_method_also_names_the_broken_plugin_that_may_offer_it(installed):
    plugins = load_plugins(installed("cvgl-late", FAILS_LATE, name="late"))
    with pytest.raises(
        UnknownNameError, match=r"no method 'mine'.*Plugin 'late' \(cvgl-late 1\.2\) is broken"
    ):
        plugins.methods["mine"]


def test_a_method_whose_plugin_lies_at_hand_says_how_to_install_it(installed, monkeypatch):
    monkeypatch.setattr(plugins_module, "AT_HAND", Path(__file__).parents[1] / "plugins")
    plugins = load_plugins([])
    for name in ("sample4geo", "auxgeo"):
        with pytest.raises(UnknownNameError, match=f"is not installed: pip install -e .*/plugins/{name}$"):
            plugins.method(name)
    with pytest.raises(UnknownNameError, match=r"no method '\.\.'"):
        plugins.method("..")
    broken = load_plugins(installed("cvgl-damaged", "import nothing_there", name="sample4geo"))
    with pytest.raises(UnknownNameError, match=r"no method 'sample4geo'.*'sample4geo' .* is broken"):
        broken.method("sample4geo")
    assert load_plugins([], [offering_toy("mine")]).method("toy") is Toy


def test_a_method_that_misses_a_function_is_not_offered(installed):
    source = (
        "from cvgl_bench import hookimpl\nfrom cvgl_bench.method import Method\n"
        "class Half(Method):\n    name = title = 'half'\n"
        "@hookimpl\ndef cvgl_methods():\n    return [Half]\n"
    )
    plugins = load_plugins(installed("cvgl-half", source))
    assert "half" not in plugins.methods
    assert "not a complete subclass" in plugins.broken[0].reason


def test_two_plugins_of_one_name_are_both_named_and_neither_is_taken(installed):
    empty = "x = 1\n"
    found = installed("cvgl-one", empty, name="same") + installed("cvgl-two", empty, name="same")
    plugins = load_plugins(found)
    assert "same" not in plugins.origins
    for broken in plugins.broken:
        assert "cvgl-one 1.2" in broken.reason and "cvgl-two 1.2" in broken.reason
    assert len(plugins.broken) == 2


def test_one_distribution_found_on_two_paths_is_one_plugin(installed):
    found = installed("cvgl-good", "x = 1\n", name="good")
    plugins = load_plugins(found + found)
    assert plugins.broken == [] and "good" in plugins.origins


def test_a_plugin_called_builtin_does_not_displace_the_builtins(installed):
    plugins = load_plugins(installed("cvgl-bold", "x = 1\n", name="builtin"))
    assert "its name is taken by cvgl-bench" in plugins.broken[0].reason
    assert "chance" in plugins.methods


def test_one_module_under_two_names_is_registered_once(installed):
    first = installed("cvgl-good", "x = 1\n", name="good")
    twice = first + [importlib.metadata.EntryPoint("copy", "cvgl_good", "cvgl_bench")]
    plugins = load_plugins(twice)
    assert list(plugins.origins) == ["builtin", "good"]
    assert plugins.broken[0].origin.plugin == "copy"


def test_one_method_offered_by_two_plugins_names_both():
    plugins = load_plugins([], [offering_toy("one"), offering_toy("two")])
    with pytest.raises(PluginError, match=r"'toy' is offered twice.*'two'.*'one'|'toy'.*'one'.*'two'"):
        plugins.methods["toy"]


def test_a_metric_comes_with_its_origin():
    metric = Metric(id="mine", per_query=lambda outcome: outcome.distance_m)
    hook = hookimpl(module_function("cvgl_metrics", [metric]))
    plugins = load_plugins([], [module("measuring", cvgl_metrics=hook)])
    assert plugins.metrics["mine"] is metric
    assert plugins.metrics.entry("mine").origin.plugin == "measuring"


def test_events_reach_every_listener():
    heard = []

    @hookimpl
    def cvgl_epoch_finished(run, epoch, losses):
        heard.append((run, epoch, losses))

    plugins = load_plugins([], [module("listening", cvgl_epoch_finished=cvgl_epoch_finished)])
    plugins.hook.cvgl_epoch_finished(run="run", epoch=3, losses={"total": 1.0})
    assert heard == [("run", 3, {"total": 1.0})]


def test_a_card_on_disk_is_offered_as_a_path(noise_world):
    card, _ = noise_world
    hook = hookimpl(module_function("cvgl_datasets", [card]))
    plugins = load_plugins([], [module("data", cvgl_datasets=hook)])
    assert plugins.datasets["noise"].title == "Noise"


def test_what_a_plugin_prints_does_not_come_among_what_a_command_prints(installed, capsys):
    source = """
from cvgl_bench import hookimpl
print("hello from a library")
@hookimpl
def cvgl_datasets():
    print("and again")
    return []
"""
    plugins = load_plugins(installed("cvgl-noisy", source))
    assert len(plugins.datasets) > 0 and not plugins.broken
    printed = capsys.readouterr()
    assert printed.out == "" and "hello from a library\nand again\n" in printed.err
