"""A layout that the core does not know, offered by a plugin, and what it must not return."""

import types
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cvgl_bench import hookimpl
from cvgl_bench.data import layouts
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import Layout
from cvgl_bench.data.layouts.layout import Wanted
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.data_tools.fetch.listing import wanted_files
from cvgl_bench.data_tools.inspection import verify
from cvgl_bench.foundation.errors import DataError, PluginError, UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing import check_dataset, check_layout

CARD = {
    "name": "roofs",
    "title": "Roofs",
    "layout": "roofs",
    "cities": ["Aa"],
    "splits": {"all": {"train": ["Aa"], "test": ["Aa"]}},
    "tile": {"size_px": [16, 16], "m_per_px": 0.5},
    "panorama": {"horizontal_deg": 90},
    "counts": {"train": 4, "test": 2},
    "licence": "none",
    "access": "It is made by the tests.",
}


def split_of(name, root, rows, **changes):
    """Return a split of numbered photos, each taken above the middle of the roof of its number."""
    listed = {"city": "Aa", "source": str(root / "roofs.txt"), "line": rows}
    at = {"lat": 48.0 + rows / 1000, "lon": np.full(len(rows), 2.0)}
    tables = {
        table: pd.DataFrame({"path": [f"{folder}/{n}.png" for n in rows], **listed, **at}).assign(
            name=[f"Aa/{n}" for n in rows]
        )
        for table, folder in (("references", "roofs"), ("queries", "photos"))
    }
    tables["references"] = tables["references"].assign(height_px=16, width_px=16, m_per_px=0.5)
    values = {
        **tables,
        "truth": np.arange(len(rows)),
        "covers": np.empty((len(rows), 0), np.int64),
        "position_px": np.full((len(rows), 2), 8.0),
    }
    for field, change in changes.items():
        values[field] = change(values[field])
    return Split(name=name, root=root, **values)


def read_roofs(dataset, split, root, *, cities, label_edition, **changes):
    """Read a list of numbers, of which the even ones train; `changes` spoil the test split."""
    numbers = np.array((root / "roofs.txt").read_text().split(), np.int64)
    train, test = numbers[numbers % 2 == 0], numbers[numbers % 2 == 1]
    return Task(dataset, split, split_of("train", root, train), split_of("test", root, test, **changes), "")


def list_roofs(dataset, root, *, view, cities, label_edition):
    folder = "roofs" if view == "reference" else "photos"
    for number in (root / "roofs.txt").read_text().split():
        yield Wanted(f"{folder}/{number}.png", 48.0 + int(number) / 1000, 2.0, (16, 16))


ROOFS = Layout(name="roofs", expected="roofs/, photos/ and roofs.txt", read=read_roofs, lists=list_roofs)


def offering(*offered, cards=()):
    """Return the built-ins and a plugin that offers layouts and cards."""
    plugin = types.ModuleType("roofs")
    plugin.cvgl_layouts = hookimpl(lambda: list(offered))
    plugin.cvgl_datasets = hookimpl(lambda: [Dataset(**card) for card in cards])
    return load_plugins([], extra=[plugin])


@pytest.fixture
def root(tmp_path):
    """A folder of six roofs and photos, all unlike each other."""
    generator = np.random.default_rng(0)
    for folder in ("roofs", "photos"):
        (tmp_path / folder).mkdir()
        for number in (2, 3, 4, 5, 6, 8):
            pixels = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    (tmp_path / "roofs.txt").write_text("2 3 4 5 6 8\n")
    return tmp_path


def test_a_plugins_layout_is_read_verified_and_fetched(root):
    plugins = offering(ROOFS, cards=[CARD])
    card = plugins.datasets["roofs"]
    task = layouts.read_task(card, "all", root, layouts=plugins.layouts)
    assert len(task.train) == 4 and task.test.queries["path"].tolist() == ["photos/3.png", "photos/5.png"]
    found = verify(card, root, layouts=plugins.layouts)
    assert found.passed, found.problems
    assert found.checked == {"labels": 6, "images": 12} and found.cities[0].test_queries == 2
    wanted = wanted_files(card, root, layouts=plugins.layouts, view="query", cities=card.cities)
    assert sorted(item.path for item in wanted) == sorted(str(p.relative_to(root)) for p in root.glob("p*/*"))
    check_layout(ROOFS, card, root)
    check_dataset(card, root, layout=ROOFS)


def test_verify_finds_what_is_wrong_without_a_check_of_the_layouts_own(root):
    plugins = offering(ROOFS)
    (root / "roofs.txt").write_text("2 3 4 5 6\n")
    (root / "photos" / "3.png").unlink()
    kinds = [problem.kind for problem in verify(Dataset(**CARD), root, layouts=plugins.layouts).problems]
    assert sorted(kinds) == ["count", "missing"]
    (root / "roofs.txt").unlink()
    spoilt = Layout(name="roofs", expected="x", read=partial(read_roofs, truth=lambda rows: rows - 1))
    (root / "roofs.txt").write_text("2 3 4 5 6 8\n")
    (problem,) = verify(Dataset(**CARD), root, layouts=offering(spoilt).layouts, images=False).problems
    assert problem.kind == "label" and "split 'all'" in problem.reason and "'Aa/3'" in problem.reason


def test_queries_that_train_and_test_are_a_leak(root):
    def read(dataset, split, root, *, cities, label_edition):
        train = read_roofs(dataset, split, root, cities=cities, label_edition=label_edition).train
        return Task(dataset, split, train, train, "")

    card = Dataset(**{**CARD, "counts": {}})
    found = verify(card, root, layouts=offering(Layout(name="roofs", expected="x", read=read)).layouts)
    assert {problem.kind for problem in found.problems} == {"leak"} and len(found.problems) == 4


def replaced(column, value):
    return lambda table: table.assign(**{column: [value, *table[column][1:]]})


@pytest.mark.parametrize(
    "changes, fault",
    [
        ({"truth": lambda rows: rows - 1}, "positive of query 'Aa/3' is not among the 2 references"),
        ({"truth": lambda rows: rows[:1]}, "truth and covers need a row for each of 2 queries"),
        ({"references": replaced("name", "Aa/5")}, "'Aa/5' occurs twice"),
        ({"references": replaced("path", "roofs/5.png")}, "the reference image 'roofs/5.png' occurs twice"),
        ({"references": replaced("path", "/etc/passwd")}, "reference path '/etc/passwd' leads out of"),
        ({"queries": replaced("path", "photos/../../x.png")}, "query path 'photos/../../x.png' leads out of"),
        ({"queries": replaced("path", "..")}, "query path '..' leads out of"),
        ({"queries": replaced("path", "C:/x.png")}, "query path 'C:/x.png' leads out of"),
        ({"queries": replaced("path", "..\\x.png")}, "query path '..\\x.png' leads out of"),
        ({"queries": lambda table: table.drop(columns="line")}, "the query table lacks the columns line"),
        ({"queries": lambda table: table.drop(columns="city")}, "a table lacks the columns city"),
    ],
)
def test_what_a_layout_must_not_return_is_refused_by_its_name(root, changes, fault):
    layout = Layout(name="roofs", expected="x", read=partial(read_roofs, **changes))
    with pytest.raises(DataError) as caught:
        layouts.read_task(Dataset(**CARD), "all", root, layouts=offering(layout).layouts)
    text = str(caught.value)
    assert "Split 'test'" in text and fault in text and "\n" not in text
    assert text.endswith("(Read by layout 'roofs' of roofs unreleased.)")


def test_dots_in_a_name_lead_nowhere(root):
    (root / "photos" / "a..b:c.png").write_bytes((root / "photos" / "3.png").read_bytes())
    layout = Layout(
        name="roofs",
        expected="x",
        read=partial(read_roofs, queries=replaced("path", "photos/a..b:c.png")),
    )
    layouts.read_task(Dataset(**CARD), "all", root, layouts=offering(layout).layouts)


def test_what_is_no_task_is_a_fault_of_the_plugin(root):
    layout = Layout(name="roofs", expected="x", read=lambda *_, **__: None)
    with pytest.raises(PluginError, match=r"layout 'roofs' of roofs unreleased: its `read` returned None"):
        layouts.read_task(Dataset(**CARD), "all", root, layouts=offering(layout).layouts)


def test_a_split_without_queries_is_refused(root):
    (root / "roofs.txt").write_text("2 4\n")
    with pytest.raises(DataError, match=r"Split 'test' has no reference. \(Read by layout 'roofs'"):
        layouts.read_task(Dataset(**CARD), "all", root, layouts=offering(ROOFS).layouts)


def test_a_layout_without_lists_cannot_be_fetched(root):
    known = offering(Layout(name="roofs", expected="x", read=read_roofs)).layouts
    with pytest.raises(UsageError, match="roofs cannot be fetched"):
        next(wanted_files(Dataset(**CARD), root, layouts=known, view="query", cities=("Aa",)))


def test_a_card_of_an_unknown_layout_breaks_the_plugin_that_offers_it_and_no_other():
    plugins = offering(ROOFS, cards=[{**CARD, "layout": "rooves"}])
    assert "roofs" not in plugins.datasets and "vigor" in plugins.datasets
    (broken,) = plugins.broken
    assert "There is no layout 'rooves'. Did you mean 'roofs'?" in str(broken) and "\n" not in str(broken)


def test_a_card_with_wrong_fields_breaks_the_plugin_that_offers_it():
    plugins = offering(ROOFS, cards=[{**CARD, "tile": {"size_px": [0, 16], "m_per_px": 0.5}}])
    assert "roofs" not in plugins.datasets
    (broken,) = plugins.broken
    assert "Card 'roofs': tile.size_px.0: input should be greater than 0" in str(broken)


def test_layouts_are_offered_once_and_are_layouts():
    assert "not a cvgl_bench.Layout" in str(broken_by("vigor"))
    with pytest.raises(PluginError, match="The layout 'vigor' is offered twice, by cvgl-bench"):
        len(offering(Layout(name="vigor", expected="x", read=read_roofs)).layouts)


def broken_by(offer):
    plugins = offering(offer)
    assert "vigor" in plugins.layouts
    (broken,) = plugins.broken
    return broken
