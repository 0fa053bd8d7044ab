"""Is a card complete, and can its splits be read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cvgl_bench.data.cards import read_card
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import Layout, layout_of, read_task
from cvgl_bench.data.splits import Split
from cvgl_bench.testing.demands import NAME_RULE, allowed, demands_on, is_name
from cvgl_bench.testing.layouts import layouts_with


def check_dataset(
    dataset: Dataset | Path, data_root: Path | None = None, *, layout: Layout | None = None
) -> None:
    """Assert that a card is complete and, where its data is at hand, that every split can be read.

    dataset: a Dataset or the path of its card; data_root: the folder of its images and labels. layout:
    the one that the card names, where no installed plugin offers it.
    """
    card = dataset if isinstance(dataset, Dataset) else allowed(partial(read_card, dataset))
    where = f"The data set '{card.name}'"
    must = demands_on(where)
    must(is_name(card.name), f"its name {NAME_RULE}")
    for field in ("title", "licence", "access"):
        must(getattr(card, field).strip(), f"the card's `{field}` is empty; a user needs it")
    layouts = layouts_with(layout)
    allowed(partial(layout_of, card, layouts))
    if data_root is None:
        return
    for name in card.splits:
        task = allowed(partial(read_task, card, name, data_root, layouts=layouts))
        for part, split in (("train", task.train), ("test", task.test)):
            _check_split(f"{where}, split '{name}', {part}", split)


def _check_split(where: str, split: Split) -> None:
    must = demands_on(where)
    must(len(split) and len(split.references), "it is empty")
    size = split.tile_size_px[:, ::-1]
    outside = ((split.position_px < 0) | (split.position_px > size)).any(axis=1)
    must(not outside.any(), f"{int(outside.sum())} queries lie outside their tile")
    own = (split.covers == split.truth[:, None]).any()
    must(not own, "a query's positive is also among its semi-positives")
    for table, kind in ((split.queries, "query"), (split.references, "reference")):
        first = split.root / table["path"].iloc[0]
        must(first.is_file(), f"the {kind} image {first} is not there")
