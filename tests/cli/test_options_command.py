import dataclasses
import json

import pytest

from cvgl_bench import plugins as finding
from cvgl_bench.builtins.baselines import ChanceOptions
from cvgl_bench.hookspecs import hookimpl
from cvgl_bench.running.options import sections_of


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Give `chance` a recipe for VIGOR across areas, and one for everything else."""
    from cvgl_bench.builtins.baselines import Chance

    (tmp_path / "vigor-cross.yaml").write_text("method:\n  dimension: 256\ntraining:\n  epochs: 3\n")
    (tmp_path / "default.yaml").write_text("method:\n  dimension: 32\n")
    monkeypatch.setattr(Chance, "recipes", tmp_path)


def rows(answer):
    assert answer.code == 0, answer.err
    return {row["option"]: row for row in json.loads(answer.out)}


def test_every_option_of_every_section_is_shown(run_command):
    found = rows(run_command("options", "chance", "--json"))
    expected = {
        f"{section}.{field.name}"
        for section, cls in sections_of(ChanceOptions).items()
        for field in dataclasses.fields(cls)
    }
    assert set(found) == expected
    assert all(row["help"] for row in found.values())
    assert found["method.dimension"] == {
        "option": "method.dimension",
        "type": "int",
        "default": 64,
        "help": "Length of the random vectors.",
    }


def test_text_has_type_default_and_help_by_section(run_command):
    text = " ".join(run_command("options", "chance").out.split())
    assert "method: dimension Length of the random vectors. [int, default 64]" in text
    assert "machine:" in text and "default none]" in text


def test_what_published_would_set_is_shown_or_refused(run_command, recipe, tmp_path):
    refused = run_command("options", "chance", "--published")
    assert refused.code == 2 and "'chance' has no recipe 'published.yaml'" in refused.err
    (tmp_path / "published.yaml").write_text("method:\n  dimension: 8\n")
    for more in ([], ["--dataset", "vigor", "--split", "cross"]):
        found = rows(run_command("options", "chance", "--published", "--json", *more))
        assert (found["method.dimension"]["value"], found["method.dimension"]["set_by"]) == (
            8,
            "published.yaml",
        )


def test_a_recipe_shows_what_it_sets_and_its_file(run_command, recipe):
    found = rows(run_command("options", "chance", "--dataset", "vigor", "--split", "cross", "--json"))
    assert (found["method.dimension"]["value"], found["method.dimension"]["set_by"]) == (
        256,
        "vigor-cross.yaml",
    )
    assert found["training.epochs"]["value"] == 3
    assert "value" not in found["training.seed"]
    text = " ".join(run_command("options", "chance", "--dataset", "vigor", "--split", "cross").out.split())
    assert "[int, default 64; vigor-cross.yaml sets 256]" in text


def test_without_a_recipe_of_its_own_a_data_set_takes_the_default_one(run_command, recipe):
    found = rows(run_command("options", "chance", "--dataset", "dress", "--json"))
    assert found["method.dimension"]["set_by"] == "default.yaml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chnce"], "no method 'chnce'. Did you mean 'chance'?"),
        (["chance", "--dataset", "vigr"], "no data set 'vigr'. Did you mean 'vigor'?"),
        (
            ["chance", "--dataset", "vigor", "--split", "best"],
            "vigor has no split 'best'; it has same, cross",
        ),
        (["chance", "--split", "cross"], "--split needs --dataset"),
        ([], "Missing argument 'METHOD'"),
    ],
)
def test_wrong_usage_is_named_with_exit_code_2(run_command, arguments, words):
    answer = run_command("options", *arguments)
    assert answer.code == 2
    assert words in answer.err


def test_a_plugin_needs_no_more_than_its_fields(run_command, monkeypatch):
    from cvgl_bench.builtins.baselines import Chance
    from cvgl_bench.foundation.options import option

    @dataclasses.dataclass(frozen=True)
    class Options:
        size: tuple[int, int] | None = option(None, "Height and width.")

    class Mine(Chance):
        name = "mine"

    Mine.Options = Options
    module = type(finding)("mine")
    module.cvgl_methods = hookimpl(lambda: [Mine])
    load = finding.load_plugins
    monkeypatch.setattr(finding, "load_plugins", lambda: load([], [module]))
    row = rows(run_command("options", "mine", "--json"))["method.size"]
    assert (row["type"], row["default"]) == ("tuple[int, int] | None", None)
