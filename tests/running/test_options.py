from dataclasses import dataclass

import pytest

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import option
from cvgl_bench.method import Method
from cvgl_bench.running.options import resolve_run_options


@dataclass(frozen=True)
class Colours:
    hue: float = option(0.5, "Hue.", least=0, most=1)
    seed: int = option(7, "A second option of this name.")


def painter(folder):
    return type("Painter", (Method,), {"name": "p", "title": "P", "Options": Colours, "recipes": folder})


def resolve(folder, config=None, **values):
    assignments = [("--set", values)]
    return resolve_run_options(
        painter(folder), dataset="vigor", split="same", config=config, assignments=assignments
    )


def test_later_layers_win_and_every_origin_is_known(tmp_path):
    (tmp_path / "vigor.yaml").write_text("training: {epochs: 3, batch_size: 8}\nmethod: {hue: 0.1}")
    config = tmp_path / "mine.yaml"
    config.write_text("training: {batch_size: 16}")
    options = resolve(tmp_path, config, hue=0.9)
    assert (options.training.epochs, options.training.batch_size, options.method.hue) == (3, 16, 0.9)
    assert options.origins["training.epochs"] == "vigor.yaml"
    assert options.origins["training.batch_size"] == "mine.yaml"
    assert options.origins["method.hue"] == "--set"
    assert options.origins["training.learning_rate"] == "default"


def test_the_published_recipe_lies_over_the_data_sets_and_under_what_a_person_sets(tmp_path):
    (tmp_path / "vigor.yaml").write_text("training: {epochs: 3, batch_size: 8}\nmethod: {hue: 0.1}")
    (tmp_path / "published.yaml").write_text("training: {batch_size: 4, seed: 9}\nmethod: {hue: 0.2}")
    config = tmp_path / "mine.yaml"
    config.write_text("training: {batch_size: 16}")
    kinds = {"dataset": "vigor", "split": "same", "published": True, "config": config}
    options = resolve_run_options(painter(tmp_path), **kinds)
    assert (options.training.epochs, options.training.seed, options.training.batch_size) == (3, 9, 16)
    assert (options.method.hue, options.origins["method.hue"]) == (0.2, "published.yaml")
    saved = [("options.yaml", {"training.epochs": 5})]
    kinds |= {"config": None, "assignments": saved, "saved": "options.yaml"}
    assert resolve_run_options(painter(tmp_path), **kinds).method.hue == 0.5, "saved options are all there is"


def test_saved_options_are_not_mixed_with_a_recipe_of_today(tmp_path):
    (tmp_path / "vigor.yaml").write_text("training: {epochs: 3}\nmethod: {hue: 0.1}")
    saved = [("options.yaml", {"training.epochs": 5})]
    kinds = {"dataset": "vigor", "split": "same", "assignments": saved, "saved": "options.yaml"}
    options = resolve_run_options(painter(tmp_path), **kinds)
    assert (options.training.epochs, options.method.hue) == (5, 0.5)


@dataclass(frozen=True)
class Renamed:
    tint: float = option(0.5, "Hue.", formerly="hue")
    gloss: str = option("matt", "Added when 'shiny' was what had been done.", earlier="shiny")


def renamed(**given):
    method = type("Painter", (Method,), {"name": "p", "title": "P", "Options": Renamed, "recipes": None})
    return resolve_run_options(method, dataset="vigor", split="same", **given)


@pytest.mark.parametrize("key", ["hue", "method.hue"])
def test_an_option_that_was_renamed_is_refused_with_its_new_name(tmp_path, key):
    with pytest.raises(OptionError, match="--set sets 'method.hue', which was renamed: write 'method.tint'"):
        renamed(assignments=[("--set", {key: 0.25})])
    (tmp_path / "mine.yaml").write_text("method: {hue: 0.25}")
    with pytest.raises(OptionError, match=r"mine\.yaml sets 'method.hue', .* write 'method.tint'"):
        renamed(config=tmp_path / "mine.yaml")


def test_saved_options_keep_their_meaning():
    saved = ("options.yaml", {"method.hue": 0.25, "training.epochs": 5})
    options = renamed(assignments=[saved], saved="options.yaml")
    assert options.method == Renamed(tint=0.25, gloss="shiny") and options.training.epochs == 5
    options = renamed(assignments=[saved, ("--set", {"gloss": "matt"})], saved="options.yaml")
    assert options.method == Renamed(tint=0.25, gloss="matt")
    assert options.origins["method.gloss"] == "--set"
    assert renamed().method.gloss == "matt"


def test_a_bare_name_is_enough_where_it_is_unique(tmp_path):
    assert resolve(tmp_path, epochs=2).training.epochs == 2
    with pytest.raises(OptionError, match="'seed' is an option of training and method"):
        resolve(tmp_path, seed=3)
    assert resolve(tmp_path, **{"method.seed": 3}).method.seed == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "Did you mean 'epochs'"),
        ({"training.epoch": 3}, "Did you mean 'epochs'"),
        ({"epochs": 0}, "must be at least 1"),
        ({"epochs": "many"}, "it takes int"),
        ({"hue": 1.5}, "at most 1"),
        ({"epochs": True}, "takes int"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"select": "best"}, "last | validation | validation-city | test"),
    ],
)
def test_a_wrong_option_is_refused_with_what_it_takes(tmp_path, values, message):
    with pytest.raises(OptionError) as caught:
        resolve(tmp_path, **values)
    assert message in str(caught.value)


def test_values_are_those_that_were_resolved(tmp_path):
    options = resolve(tmp_path, epochs=5)
    values = options.values()
    assert values["training"]["epochs"] == 5
    assert list(values) == ["training", "method", "evaluation", "machine"]


RECIPE = "training: {epochs: 3, tuned_on: validation, tries: 9}\nmethod: {hue: 0.1}"


@pytest.mark.parametrize("free", [{}, {"training.seed": 2}, {"select": "validation-city"}, {"top": 50}])
def test_a_recipe_says_how_it_was_tuned(tmp_path, free):
    (tmp_path / "vigor.yaml").write_text(RECIPE)
    training = resolve(tmp_path, **free).training
    assert (training.tuned_on, training.tries) == ("validation", 9)


@pytest.mark.parametrize("changed", [{"epochs": 4}, {"hue": 0.2}, {"learning_rate": 0.1, "hue": 0.2}])
def test_other_settings_than_the_recipes_are_not_tuned_as_it_says(tmp_path, changed):
    (tmp_path / "vigor.yaml").write_text(RECIPE)
    training = resolve(tmp_path, **changed).training
    assert (training.tuned_on, training.tries) == ("unknown", None)
    config = tmp_path / "mine.yaml"
    config.write_text("training: {epochs: 5, tuned_on: none}")
    assert resolve(tmp_path, config).training.tuned_on == "none"
