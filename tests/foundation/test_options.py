from dataclasses import dataclass, fields
from typing import Literal

import pytest

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import Layer, as_of_today, describe, option, parse_assignments, resolve


@dataclass(frozen=True)
class Sample:
    """Options of every kind."""

    epochs: int = option(40, "Passes.", least=1)
    rate: float = option(1e-3, "Learning rate.", least=0, most=1)
    size: tuple[int, int] = option((384, 768), "Height and width.", least=8)
    precision: Literal["off", "fp16"] = option("off", "Type.")
    rule: Literal["none", "last"] = option("last", "Rule.")
    flip: bool = option(True, "Flip at random.")
    workers: int | None = option(None, "Processes.")
    note: str = option("", "A text.")
    drop: float = option(0.5, "At most 0.9.", most=0.9)


def resolved(**values):
    return resolve(Sample, [Layer("--set", values)])[0]


def test_defaults_without_layers():
    options, origins = resolve(Sample, [])
    assert options == Sample()
    assert set(origins.values()) == {"default"}


def test_later_layers_win_and_origins_are_kept():
    layers = [
        Layer("vigor.yaml", {"epochs": 5, "rate": 0.1}),
        Layer("my.yaml", {"epochs": 6}),
        Layer("--set", {}),
    ]
    options, origins = resolve(Sample, layers)
    assert (options.epochs, options.rate) == (6, 0.1)
    assert (origins["epochs"], origins["rate"], origins["flip"]) == ("my.yaml", "vigor.yaml", "default")


def test_describe_gives_type_default_and_help_in_order():
    infos = describe(Sample)
    assert [info.name for info in infos] == [field.name for field in fields(Sample)]
    by_name = {info.name: info for info in infos}
    assert (by_name["epochs"].type, by_name["epochs"].default, by_name["epochs"].help) == (
        "int",
        40,
        "Passes.",
    )
    assert by_name["precision"].type == "off | fp16"
    assert by_name["workers"].type == "int | None"
    assert by_name["size"].type == "tuple[int, int]"


def test_unknown_option_gets_a_suggestion_and_its_place():
    with pytest.raises(
        OptionError, match=r"recipe\.yaml sets 'training\.epoch'.*mean 'epochs'\? Known: epochs"
    ):
        resolve(Sample, [Layer("recipe.yaml", {"epoch": 3})], prefix="training.")


@dataclass(frozen=True)
class Changed:
    """An option that was renamed, one that was added, and one that was both."""

    rate: float = option(0.1, "Rate.", formerly="speed")
    index: str | None = option("fast", "Added later.", earlier=None)
    owner: str = option("query", "Both.", earlier="reference", formerly="holder")


def test_records_are_read_as_they_were_meant():
    assert as_of_today(Changed, {}) == {"index": None, "owner": "reference"}
    assert as_of_today(Changed, {"speed": 2, "holder": "query", "gone": 1}) == {
        "rate": 2,
        "index": None,
        "owner": "query",
        "gone": 1,
    }
    assert as_of_today(Changed, {"rate": 3, "index": "x"})["index"] == "x"
    assert Changed() == Changed(0.1, "fast", "query")


def test_an_old_name_is_refused_with_the_new_one():
    with pytest.raises(
        OptionError, match=r"r\.yaml sets 'training\.speed', which was renamed: write 'training\.rate'"
    ):
        resolve(Changed, [Layer("r.yaml", {"speed": 1})], prefix="training.")


def test_a_key_that_is_no_text_is_unknown_too():
    with pytest.raises(OptionError, match="sets '3'"):
        resolve(Sample, [Layer("recipe.yaml", {3: 1})])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", "many", "takes int"),
        ("epochs", 2.5, "takes int"),
        ("epochs", True, "takes int"),
        ("epochs", None, "takes int"),
        ("rate", float("nan"), "finite"),
        ("rate", float("inf"), "finite"),
        ("size", [1], "takes tuple"),
        ("size", 384, "Write it as [a, b]"),
        ("precision", "fp8", "off | fp16"),
        ("flip", "perhaps", "takes bool"),
        ("note", [1], "takes str"),
    ],
)
def test_values_of_the_wrong_type_are_refused_by_name(name, value, words):
    with pytest.raises(OptionError) as caught:
        resolved(**{name: value})
    assert f"--set sets '{name}'" in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "at least 1."),
        ("rate", 1.5, "at least 0 and at most 1"),
        ("drop", 0.95, "must be at most 0.9."),
        ("size", [384, 4], "at least 8"),
    ],
)
def test_values_out_of_bounds_are_refused_with_the_bounds(name, value, words):
    with pytest.raises(OptionError, match=words):
        resolved(**{name: value})


def test_bounds_are_inclusive():
    assert resolved(epochs=1, rate=0, drop=0.9) == resolved(epochs=1, rate=0.0, drop=0.9)


def test_values_take_the_declared_type():
    options = resolved(size=[64, 128], rate="1e-4", epochs="3", workers="none")
    assert (options.size, options.rate, options.epochs, options.workers) == ((64, 128), 1e-4, 3, None)


def test_words_that_yaml_takes_for_booleans_or_null_stay_words():
    values = parse_assignments(["precision=off", "rule=none", "workers=none", "note="])
    options = resolved(**{name: value for name, value in values.items() if name != "note"})
    assert (options.precision, options.rule, options.workers) == ("off", "none", None)
    assert values["note"] is None


def test_assignments_are_read_as_yaml():
    values = parse_assignments(["epochs=3", "size=[8, 16]", "flip=false", "note=a=b", "rate = 0.5"])
    assert values == {"epochs": 3, "size": [8, 16], "flip": False, "note": "a=b", "rate": 0.5}


@pytest.mark.parametrize("text", ["epochs", "=3", "  =3"])
def test_assignments_need_a_key_and_a_value(text):
    with pytest.raises(OptionError, match="key=value"):
        parse_assignments([text])


def test_an_assignment_that_is_no_yaml_is_refused():
    with pytest.raises(OptionError, match="cannot be read as YAML"):
        parse_assignments(["size=[1, "])


def test_assignments_build_no_python_objects():
    with pytest.raises(OptionError, match="cannot be read as YAML"):
        parse_assignments(["note=!!python/object/apply:os.getcwd []"])
