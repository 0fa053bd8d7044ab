"""Inputs that nobody thought of: whatever is read, it is used or refused in one line, and nothing else.

`HYPOTHESIS_PROFILE=long pytest tests/test_fuzzing.py` tries many more; an input that it finds becomes an
`@example` here.
"""

import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cvgl_bench.data.cards import read_card
from cvgl_bench.data.layouts.labels import read_labels, read_names
from cvgl_bench.data_tools.building.tables import read_rows
from cvgl_bench.foundation.errors import CvglError
from cvgl_bench.foundation.options import Layer, parse_assignments, resolve
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml
from cvgl_bench.networks.checkpoints import read_tensors, save_tensors
from cvgl_bench.report.leaderboard.boards import boards
from cvgl_bench.report.leaderboard.pages import dataset_page
from cvgl_bench.running.recipes import read_recipe
from cvgl_bench.scoring.results import parse_result
from cvgl_bench.training.options import TrainingOptions

QUICK, LONG = 60, 20_000
GOLDEN = json.loads((Path(__file__).parent / "golden" / "result-1.json").read_text())

settings.register_profile("quick", max_examples=QUICK, derandomize=True, database=None, deadline=None)
settings.register_profile("long", max_examples=LONG, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

reads_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.sampled_from(
    ["", "~", "010", "1e400", "-.inf", ".nan", "NO", "1:30", "a: b", "<b>|`[", "\u202e", "9" * 400]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
yaml_text = st.text(st.sampled_from("ab:-?[]{}&*!|>'\"%@#,~0123.e+\n \t\x00é"), max_size=40) | plain.map(
    yaml.safe_dump
)


def used_or_refused(act, kind=CvglError):
    """Return what `act` gives, or None where it raises an error of one line."""
    try:
        return act()
    except kind as error:
        assert str(error) and "\n" not in str(error)
    return None


def places(value, path=()):
    """Yield the path of every value inside plain values."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def with_changed(value, path, new):
    """Return plain values with what lies at a path replaced."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_changed(value[path[0]], path[1:], new)
    return copy


@given(yaml_text)
@example("? {a: b}\n: 1")
@example("!!map [1]")
@example("!!set {[1]}")
@example("!<tag:yaml.org,2002:int> x")
def test_yaml(text):
    used_or_refused(lambda: read_yaml(text), YamlError)


@example("", "null\n...\n")
@given(st.sampled_from(["epochs", "learning_rate", "select", "keep_covers_apart", "x", ""]), yaml_text)
def test_assignments(name, text):
    used_or_refused(lambda: resolve(TrainingOptions, [Layer("--set", parse_assignments([f"{name}={text}"]))]))


@reads_files
@given(
    st.text(max_size=20)
    | st.dictionaries(st.sampled_from(["training", "method", "x"]), plain).map(yaml.safe_dump)
)
def test_recipes(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    used_or_refused(lambda: read_recipe(tmp_path / "r.yaml"))


@pytest.fixture(scope="module")
def card(noise_world):
    return yaml.safe_load(noise_world[0].read_text())


@reads_files
@given(data=st.data(), new=plain)
def test_cards(card, tmp_path, data, new):
    changed = with_changed(card, data.draw(st.sampled_from(list(places(card)))), new)
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8", errors="surrogatepass")
    used_or_refused(lambda: read_card(tmp_path / "c.yaml"))


@given(data=st.data(), new=plain)
def test_results_and_their_page(data, new):
    changed = with_changed(GOLDEN, data.draw(st.sampled_from(list(places(GOLDEN)))), new)
    result = used_or_refused(lambda: parse_result(changed, "x.json"))
    if result is not None:
        page = dataset_page("City", boards([result]), None)
        assert page.encode() and all(letter.isprintable() or letter == "\n" for letter in page)


cells = st.text(st.sampled_from("ab1.-,;\t\"'/\\ \n\x00é:"), max_size=8) | words


@example([["", '"1'], ["", ""]], ",")
@example([["", "", ';"1'], ["", ""]], ";")
@reads_files
@given(st.lists(st.lists(cells, max_size=4), max_size=4), st.sampled_from(",;\t"))
def test_tables(tmp_path, rows, delimiter):
    lines = [["photo", "lat_deg", "lon_deg"], *rows]
    (tmp_path / "t.csv").write_text("\n".join(map(delimiter.join, lines)), encoding="utf-8", newline="")

    def read():
        for row in read_rows(tmp_path / "t.csv", {}, required=("photo",)):
            lat, lon = row.position()
            assert abs(lat) <= 90 and abs(lon) <= 180
            inside = (tmp_path / row.file_name("photo")).resolve()
            assert inside.is_relative_to(tmp_path.resolve())

    used_or_refused(read)


fields = st.sampled_from(
    ["a.png", "1", "1.5", "-3", "nan", "1_0", "1e400", "../x", "é", "", "\ufeff", "\x00", "\r"]
)


@reads_files
@given(
    st.lists(st.lists(fields, min_size=12, max_size=14), max_size=3), st.sampled_from(["", "\n", "\ufeff"])
)
def test_labels(tmp_path, lines, edge):
    text = edge + "\n".join(map(" ".join, lines)) + edge
    (tmp_path / "l.txt").write_text(text, encoding="utf-8", newline="")
    table = used_or_refused(lambda: read_labels(tmp_path / "l.txt"))
    if table is not None:
        assert all(map(torch.isfinite, torch.from_numpy(table.numbers).flatten()))
    names = used_or_refused(lambda: read_names(tmp_path / "l.txt"))
    assert names is None or len(set(names[0].to_pylist())) == len(names[0])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2, dtype=torch.int64)}
    save_tensors(state, folder / "w.safetensors", metadata={})
    torch.save({"state_dict": state, "epoch": 1}, folder / "w.pth")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}, state


@reads_files
@given(suffix=st.sampled_from([".safetensors", ".pth"]), data=st.data())
def test_checkpoints(weights, tmp_path, suffix, data):
    """Of ours a change is noticed or harmless; of any file nothing comes but an error of one line."""
    files, state = weights
    content = bytearray(files[suffix])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    content = content[: data.draw(st.integers(0, len(content))) or None]
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    found = used_or_refused(lambda: read_tensors(path))
    if found is not None and suffix == ".safetensors" and found.keys() == state.keys():
        assert all(tensor.shape == state[name].shape for name, tensor in found.items())
