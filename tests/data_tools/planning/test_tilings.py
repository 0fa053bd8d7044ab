"""Tilings of an area."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from cvgl_bench.data_tools.building.sheets import parse_area
from cvgl_bench.data_tools.planning.tilings import (
    Curve,
    expected_recall,
    plan,
    quantile,
    read_curve,
    share_below,
)
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import ResultError

LONDON = "-0.15,51.48,-0.05,51.55"


@pytest.mark.parametrize("stride", [1.0, 0.75, 0.5, 0.1])
def test_the_shares_are_those_of_random_queries(stride):
    offsets = np.random.default_rng(0).uniform(-stride / 2, stride / 2, (400_000, 2))
    drawn = geo.decentrality(offsets + 0.5, np.ones(2))
    at = np.linspace(0.02, 1, 25)
    found = np.searchsorted(np.sort(drawn), at) / len(drawn)
    assert np.abs(share_below(at, stride) - found).max() < 0.004


def test_seamless_tiles_follow_the_known_formula():
    at = np.linspace(0, math.sqrt(0.5), 20)
    assert np.allclose(share_below(at, 1.0), math.pi * at**2 / 2)
    assert share_below([1.0, 5.0], 1.0) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("stride", [1.0, 0.5])
def test_quantiles_are_the_inverse(stride):
    for share in (0.05, 0.5, 0.95):
        assert share_below(quantile(share, stride), stride) == pytest.approx(share, abs=1e-4)


def test_a_plan_counts_what_a_build_would_make():
    area = parse_area(LONDON)
    rows = plan([area], zooms=[18, 19], tile_sizes_px=[224], overlaps=[0.0, 0.5])
    x, y = geo.mercator_px([51.55, 51.48], [-0.15, -0.05], 18)
    across, down = math.ceil((x[1] - x[0]) / 224), math.ceil((y[1] - y[0]) / 224)
    assert [(row.zoom, row.overlap) for row in rows] == [(18, 0.0), (18, 0.5), (19, 0.0), (19, 0.5)]
    assert abs(rows[0].tiles - across * down) <= across + down
    assert rows[1].tiles == pytest.approx(4 * rows[0].tiles, rel=0.05)
    assert rows[2].tiles == pytest.approx(4 * rows[0].tiles, rel=0.05)
    assert rows[0].bytes == rows[0].tiles * 224**2 * 0.35
    assert rows[0].requests == pytest.approx(across * down * 224**2 / 256**2, rel=0.05)
    assert rows[0].tile_m == pytest.approx(224 * 0.3713, rel=1e-3)
    assert (rows[0].views, rows[1].views) == (1, 4)
    assert rows[1].offset_m == pytest.approx(rows[0].offset_m / 2, rel=1e-3)
    assert all(row.recall is None for row in rows)


def test_areas_add_up():
    one, other = parse_area(LONDON), parse_area("2.2,48.8,2.3,48.9")
    options = {"zooms": [18], "tile_sizes_px": [320], "overlaps": [0.25]}
    together = plan([one, other], **options)[0]
    assert together.tiles == plan([one], **options)[0].tiles + plan([other], **options)[0].tiles


def test_the_expected_recall_weighs_the_bins():
    flat = Curve("a run", "recall@1", {(0.0, 0.5): 0.6, (0.5, 1.0): 0.6})
    steep = Curve("a run", "recall@1", {(0.0, 0.5): 0.8, (0.5, 1.0): 0.4})
    assert expected_recall(flat, 1.0) == pytest.approx(0.6)
    share = math.pi * 0.25 / 2
    assert expected_recall(steep, 1.0) == pytest.approx(0.8 * share + 0.4 * (1 - share))
    assert expected_recall(steep, 0.5) == pytest.approx(0.8)


def test_a_run_that_has_not_measured_far_queries_says_nothing_of_them():
    central = Curve("a run", "recall@1", {(0.0, 0.5): 0.8})
    assert expected_recall(central, 1.0) is None
    assert expected_recall(central, 0.5) == pytest.approx(0.8)


def result(path: Path, bins: dict[str, float | None], metric: str = "recall@1") -> Path:
    estimate = {name: {metric: {"value": value, "count": 5}} for name, value in bins.items()}
    record = {
        "schema_version": 1,
        "id": "x",
        "origin": "measured",
        "created": "2025-01-01",
        "task": {"dataset": "dress", "split": "cross", "cities": ["Rio"]},
        "method": {"name": "m", "title": "Method (Venue 2025)"},
        "metrics": {"overall": {}, "by_decentrality": estimate},
    }
    path.write_text(json.dumps(record))
    return path


def test_a_curve_comes_from_a_result_or_its_folder(tmp_path):
    result(tmp_path / "result.json", {"0.0-0.2": 0.7, "0.2-1.0": 0.5, "1.0-1.5": None})
    for path in (tmp_path, tmp_path / "result.json"):
        found = read_curve(path, "recall@1")
        assert found.title == "Method (Venue 2025) on dress (cross)"
        assert found.recall == {(0.0, 0.2): 0.7, (0.2, 1.0): 0.5}


def test_a_metric_that_the_run_lacks_is_named(tmp_path):
    path = result(tmp_path / "result.json", {"0.0-1.0": 0.7}, metric="hit_rate")
    with pytest.raises(ResultError, match="no 'recall@1' by decentrality. It holds: hit_rate"):
        read_curve(path, "recall@1")
    with pytest.raises(ResultError, match="cannot be read"):
        read_curve(tmp_path / "nothing.json", "recall@1")
