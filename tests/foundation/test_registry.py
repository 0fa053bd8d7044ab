import pytest

from cvgl_bench.foundation.errors import PluginError, UnknownNameError
from cvgl_bench.foundation.registry import PluginOrigin, Registry

OURS = PluginOrigin("builtin", "cvgl-bench", "1.0")
THEIRS = PluginOrigin("theirs", "their-dist", "2.1")


@pytest.fixture
def registry():
    registry = Registry("method")
    registry.add("frozen", "a thing", OURS)
    return registry


def test_returns_what_was_added_and_who_offers_it(registry):
    assert registry["frozen"] == "a thing"
    assert registry.entry("frozen").origin == OURS
    assert "frozen" in registry and "chance" not in registry


def test_lists_by_name(registry):
    registry.add("chance", "another", THEIRS)
    assert [name for name, _ in registry] == ["chance", "frozen"]
    assert len(registry) == 2


def test_unknown_name_gets_a_suggestion_the_list_and_who_offers_it(registry):
    with pytest.raises(
        UnknownNameError,
        match=r"no method 'frozn'\. Did you mean 'frozen'\? Known: frozen \(cvgl-bench\)",
    ):
        registry["frozn"]


def test_unknown_name_in_an_empty_registry_says_that_there_is_none():
    with pytest.raises(UnknownNameError, match="Known: none"):
        Registry("metric")["recall"]


def test_unknown_name_mentions_what_could_not_be_loaded():
    broken = []
    registry = Registry("method", missing=broken)
    broken.append("Plugin 'x' is broken.")
    with pytest.raises(UnknownNameError, match=r"Known: none\. Plugin 'x' is broken\."):
        registry["x"]


def test_a_name_offered_twice_names_both_plugins(registry):
    with pytest.raises(PluginError) as caught:
        registry.add("frozen", "a copy", THEIRS)
    for word in ("'frozen'", "cvgl-bench 1.0", "'builtin'", "their-dist 2.1", "'theirs'", "uninstall"):
        assert word in str(caught.value)
    assert registry["frozen"] == "a thing"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", "with space", ".hidden", "-flag", "a\n", None])
def test_names_that_would_be_bad_file_names_are_refused(registry, name):
    with pytest.raises(PluginError, match="their-dist 2.1"):
        registry.add(name, "thing", THEIRS)


@pytest.mark.parametrize("name", ["recall@1%+1", "mini-dress", "recall@1_100m", "2fast.v2"])
def test_names_in_use_are_allowed(registry, name):
    registry.add(name, "thing", THEIRS)
    assert name in registry
