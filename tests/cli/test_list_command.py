import json

import pytest

import cvgl_bench
from cvgl_bench import plugins as finding
from cvgl_bench.foundation.registry import PluginOrigin
from cvgl_bench.scoring.metrics import METRICS


@pytest.fixture
def with_broken_plugin(monkeypatch):
    """Make every command find the built-ins and one broken plugin."""

    def load():
        plugins = finding_load([])
        origin = PluginOrigin("lost", "cvgl-lost", "0.3")
        plugins.broken.append(finding.BrokenPlugin(origin, "ImportError: no module"))
        return plugins

    finding_load = finding.load_plugins
    monkeypatch.setattr(finding, "load_plugins", load)


def rows(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_methods_say_what_they_are_and_who_offers_them(run_command):
    found = {row["method"]: row for row in rows(run_command("list", "methods", "--json"))}
    assert found["chance"] == {
        "method": "chance",
        "title": "Chance",
        "trained": False,
        "from": "cvgl-bench",
        "version": cvgl_bench.__version__,
    }
    text = run_command("list", "methods").out
    assert "chance" in text and "no" in text.split() and "cvgl-bench" in text


def test_layouts_say_what_they_expect_and_who_offers_them(run_command):
    found = {row["layout"]: row for row in rows(run_command("list", "layouts", "--json"))}
    assert {"vigor", "dress", "cvusa", "cvact"} <= set(found)
    assert found["dress"]["can be fetched"] and not found["cvusa"]["can be fetched"]
    assert "ACT_data.mat" in found["cvact"]["expected folder"]
    assert {row["from"] for row in found.values()} == {"cvgl-bench"}


def test_datasets_say_whether_they_are_made_or_brought(run_command):
    found = {row["data set"]: row for row in rows(run_command("list", "datasets", "--json"))}
    assert found["mini-dress"]["images"] == "made on first use"
    assert found["vigor"]["images"] == "yours (--data-root)"
    assert found["vigor"]["splits"] == ["same", "cross"]
    assert "same, cross" in run_command("list", "datasets").out


def test_metrics_say_their_unit_and_direction(run_command):
    found = {row["metric"]: row for row in rows(run_command("list", "metrics", "--json"))}
    assert (found["recall@1"]["unit"], found["recall@1"]["better"]) == ("%", "higher")
    assert (found["median_distance_m"]["unit"], found["median_distance_m"]["better"]) == ("m", "lower")
    listed = [metric.id for metric in METRICS]
    assert [id for id in found if id in listed] == listed, "in the order of the tables"


def test_plugins_show_version_distribution_and_hooks(run_command, with_broken_plugin):
    builtin, lost = rows(run_command("list", "plugins", "--json"))
    assert builtin["plugin"] == "builtin" and builtin["distribution"] == "cvgl-bench"
    assert "cvgl_methods" in builtin["hooks"] and builtin["broken"] == ""
    assert lost == {
        "plugin": "lost",
        "version": "0.3",
        "distribution": "cvgl-lost",
        "hooks": [],
        "broken": "ImportError: no module",
    }


def test_a_broken_plugin_stands_in_the_table_and_is_warned_of_elsewhere(run_command, with_broken_plugin):
    assert "ImportError: no module" in run_command("list", "plugins").out
    answer = run_command("list", "metrics")
    assert answer.code == 0
    assert answer.err == "Warning: Plugin 'lost' (cvgl-lost 0.3) is broken: ImportError: no module.\n"


def test_without_broken_plugins_the_table_has_no_column_for_them(run_command, monkeypatch):
    load = finding.load_plugins
    monkeypatch.setattr(finding, "load_plugins", lambda: load([]))
    assert "broken" not in run_command("list", "plugins").out


def test_json_goes_alone_to_standard_output(run_command, with_broken_plugin):
    json.loads(run_command("list", "datasets", "--json").out)


def test_another_kind_is_wrong_usage(run_command):
    answer = run_command("list", "method")
    assert answer.code == 2 and "methods" in answer.err
