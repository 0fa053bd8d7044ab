"""Does a layout read what its card says, the same each time, and do verify and fetch see the same files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import Layout, read_task
from cvgl_bench.data_tools.inspection import verify
from cvgl_bench.foundation.registry import PluginOrigin, Registry
from cvgl_bench.method import View
from cvgl_bench.plugins import load_plugins
from cvgl_bench.testing.demands import NAME_RULE, allowed, demands_on, is_name

VIEWS: tuple[View, ...] = ("reference", "query")


def check_layout(layout: Layout, dataset: Dataset, data_root: Path) -> None:
    """Assert that a layout reads a small data set of it, and that `verify` and `fetch` agree with the reader.

    dataset: a card that names the layout. data_root: its folder, a few images that nothing is wrong with.
    """
    must = demands_on(f"The layout '{layout.name}'")
    must(is_name(layout.name), f"its name {NAME_RULE}")
    must(layout.expected.strip(), "it does not say what its folder is expected to hold")
    must(dataset.layout == layout.name, f"the card '{dataset.name}' names the layout '{dataset.layout}'")
    known = layouts_with(layout)
    for split in dataset.splits:
        first, again = (
            allowed(partial(read_task, dataset, split, data_root, layouts=known)) for _ in range(2)
        )
        same = first.test.fingerprint == again.test.fingerprint
        must(same, f"it reads another task when split '{split}' is read again")
        _check_lists(layout, dataset, data_root, split=split)
    found = allowed(partial(verify, dataset, data_root, layouts=known))
    must(found.passed, f"`verify` finds fault with the data set: {next(iter(found.problems), '')}")


def layouts_with(layout: Layout | None) -> Registry[Layout]:
    """Return the installed layouts and `layout`, which replaces an installed one of its name."""
    known = load_plugins().layouts
    if layout is None:
        return known
    registry: Registry[Layout] = Registry("layout")
    for name, entry in known:
        if name != layout.name:
            registry.add(name, entry.thing, entry.origin)
    registry.add(layout.name, layout, PluginOrigin("tested", "the tested plugin", "unreleased"))
    return registry


def _check_lists(layout: Layout, dataset: Dataset, root: Path, *, split: str) -> None:
    if layout.lists is None:
        return
    must = demands_on(f"The layout '{layout.name}', split '{split}'")
    task = layout.read(dataset, split, root, cities=dataset.cities, label_edition=None)
    for view in VIEWS:
        wanted = layout.lists(dataset, root, view=view, cities=dataset.cities, label_edition=None)
        listed = {item.path for item in wanted}
        parts = (task.train, task.test)
        tables = [part.references if view == "reference" else part.queries for part in parts]
        missing = sorted({path for table in tables for path in table["path"]} - listed)
        must(not missing, f"`lists` leaves out {view} images that `read` names, such as {missing[:1]}")
