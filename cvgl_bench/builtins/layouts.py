"""The layouts of published data sets."""

from __future__ import annotations

from functools import partial

from cvgl_bench.data.layouts import cvact, cvcities, cvusa, places, tiled
from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.data.layouts.layout import Layout
from cvgl_bench.data_tools.fetch.tiled_lists import tiled_files
from cvgl_bench.data_tools.inspection.pair_lists import check_pairs
from cvgl_bench.data_tools.inspection.tiled_lists import check_tiled


def _tiled(name: str, expected: str) -> Layout:
    """Return a layout of cities cut into tiles, by its convention for names and labels."""
    convention = CONVENTIONS[name]
    return Layout(
        name=name,
        expected=expected,
        read=partial(tiled.read_task, convention=convention),
        check=partial(check_tiled, convention=convention),
        lists=partial(tiled_files, convention=convention),
    )


LAYOUTS = (
    _tiled("vigor", "<City>/{panorama,satellite}/ (or {ground,satellite}/<City>/) and splits/<City>/*.txt"),
    _tiled("dress", "<City>/{panorama,satellite}/ and splits_new/<City>/*.txt"),
    Layout(
        name="cvusa",
        expected="splits/{train,val}-19zl.csv, split_locations/all.csv, bingmap/ and streetview/",
        read=cvusa.read_task,
        check=partial(check_pairs, pairs_of=cvusa.pairs_of),
    ),
    Layout(
        name="cvact",
        expected="ACT_data.mat, ANU_data_small/ and, for the test splits, ANU_data_test/",
        read=cvact.read_task,
        check=partial(check_pairs, pairs_of=cvact.pairs_of),
        splits=tuple(cvact.TEST_SETS),
    ),
    Layout(
        name="cvcities",
        expected="<city>/img_info.csv, which names the images",
        read=cvcities.read_task,
        scaled=False,
    ),
    Layout(
        name="university1652",
        expected="train/{drone,satellite}/<id>/, test/{query,gallery}_{drone,satellite}/<id>/",
        read=places.read_task,
        splits=tuple(places.FOLDERS),
        coordinates=False,
        shares_images=True,
    ),
)
"""What the built-in plugin offers."""
