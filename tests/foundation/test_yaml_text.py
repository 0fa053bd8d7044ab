"""YAML as strangers send it: plain values, or one line of what is wrong."""

import pytest

from cvgl_bench.foundation.yaml_text import MOST_CHARACTERS, YamlError, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("010", 10),
        ("-010", -10),
        ("0x1f", 31),
        ("1.5e-4", 1.5e-4),
        ("1e-4", "1e-4"),
        ("NO", "NO"),
        ("off", "off"),
        ("True", True),
        ("1:30", "1:30"),
        ("2001-13-45", "2001-13-45"),
        ("{a: [1, b], c: {d: null}}", {"a": [1, "b"], "c": {"d": None}}),
    ],
)
def test_words_that_yaml_1_1_turns_into_something_else_stay_what_they_are(text, value):
    found = read_yaml(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("!!bool x", "this is no bool: 'x'"),
        ("!!timestamp x", "this is no timestamp"),
        ("!!int abc", "this is no int"),
        ("!!float x", "this is no float"),
        ("!!map [1]", "expected a mapping"),
        ("9" * 5000, "this is no int"),
        ("[" * 3000, "more than 50 deep"),
        ("{a: " * 3000, "more than 50 deep"),
        ("- " * 3000, "more than 50 deep"),
        ("a: &a [1]\nb: *a", r"line 2, column 4: '\*a' repeats another value; write it out"),
        ("&a [*a]", r"'\*a' repeats another value"),
        ("a: 1\na: 2", "line 2, column 1: 'a' is given twice"),
        ("{[1]: 2}", "unhashable key"),
        ("[1, ", "line 1, column"),
        ("a: 'x", "unexpected end of stream"),
        ("\x00", "special characters are not allowed"),
        ("\ud800", "special characters are not allowed"),
        ("--- a\n--- b", "another document"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("x" * (MOST_CHARACTERS + 1), "1,000,001 characters"),
    ],
)
def test_what_is_refused_is_said_in_one_line(text, words):
    with pytest.raises(YamlError, match=words) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_nested_aliases_are_refused_before_they_grow():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")
    with pytest.raises(YamlError, match="line 2, .*repeats another value"):
        read_yaml("\n".join(lines))
