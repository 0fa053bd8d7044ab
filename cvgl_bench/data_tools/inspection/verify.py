"""Verify a copy of a data set: lists, labels, geometry, images, copies, leakage, counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.layouts import read_task, require_cities
from cvgl_bench.data.layouts.layout import Check, Layout, layout_of
from cvgl_bench.data_tools.inspection.decoding import Decoded
from cvgl_bench.data_tools.inspection.image_files import check_images
from cvgl_bench.data_tools.inspection.problems import Verification
from cvgl_bench.data_tools.inspection.split_lists import check_splits
from cvgl_bench.data_tools.inspection.statistics import CityStatistics, city_statistics
from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.foundation.registry import Registry
from cvgl_bench.method import View

WHOLE_CIRCLE_DEG = 360


def verify(
    dataset: Dataset,
    root: Path,
    *,
    layouts: Registry[Layout],
    cities: Sequence[str] | None = None,
    label_edition: str | None = None,
    images: bool = True,
    decoded: Decoded | None = None,
    bar: Progress | None = None,
) -> Verification:
    """Check a copy of a data set and return everything that is wrong with it.

    layouts: those that a card may name. cities: check these alone, and no totals over all cities.
    images: False looks at lists and labels only. decoded: decode every image that this record does not
    know; None looks at their headers and ends, and decodes those that do not end as whole files do.
    """
    require_cities(dataset, cities or ())
    found = Verification(dataset.name, str(root))
    layout = layout_of(dataset, layouts)
    check: Check = layout.check or partial(check_splits, layouts=layouts)
    files, chosen = check(
        found, dataset, root, cities=tuple(cities or dataset.cities), label_edition=label_edition
    )
    if chosen:
        found.cities = _statistics(dataset, root, layouts, cities=chosen, label_edition=label_edition)
    if images:
        by_card: dict[View, Any] = {
            "reference": dataset.tile["size_px"],
            "query": dataset.panorama.get("size_px"),
        }
        alike = _of_one_size(dataset)
        check_images(
            found,
            root,
            files,
            decoded=decoded,
            one_size=alike,
            by_card=by_card,
            copies=not layout.shares_images,
            bar=bar or Silent(),
        )
    return found


def _of_one_size(dataset: Dataset) -> list[View]:
    # Photos of a narrower view may come from many cameras.
    whole = dataset.panorama.get("horizontal_deg", WHOLE_CIRCLE_DEG) == WHOLE_CIRCLE_DEG
    return ["reference", "query"] if whole else ["reference"]


def _statistics(
    dataset: Dataset,
    root: Path,
    layouts: Registry[Layout],
    *,
    cities: Sequence[str],
    label_edition: str | None,
) -> list[CityStatistics]:
    """Return the numbers of the first split that can be read; none where labels are damaged."""
    for name in dataset.splits:
        try:
            task = read_task(dataset, name, root, layouts=layouts, cities=cities, label_edition=label_edition)
            return city_statistics(task)
        except (DataError, UsageError):
            # What is wrong with the labels was taken down when they were checked line by line.
            continue
    return []
