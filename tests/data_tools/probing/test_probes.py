"""Probes find what was planted, find nothing in noise, and say so in words."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cvgl_bench.cli import cli
from cvgl_bench.data import cards, layouts
from cvgl_bench.data_tools.probing import Finding, probe
from cvgl_bench.data_tools.probing.discs import COLOUR_DISC, FINGERPRINT
from cvgl_bench.data_tools.probing.features import PAIRINGS
from cvgl_bench.data_tools.probing.positions import position_codes
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


@pytest.fixture
def task(noise_world):
    card, root = noise_world
    return layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN)


def by_name(found):
    return {finding.name: finding for finding in found.findings}


@pytest.mark.parametrize("matcher", [FINGERPRINT, COLOUR_DISC])
def test_a_disc_is_the_ground_around_the_camera(matcher):
    """Black ground to 4 m north, white beyond: the edge lies where the scale says."""
    height, width, eye_m, m_per_px = 512, 1024, 2.0, 0.25
    panorama = np.zeros((height, width, 3), np.uint8)
    row = (0.5 + np.arctan(eye_m / 4.0) / np.pi) * height
    panorama[: round(row)] = 255
    disc = matcher.disc(panorama, m_per_px, eye_m)
    middle = disc.shape[1] // 2
    assert disc.shape[1:] == (matcher.side_px(m_per_px),) * 2
    column = disc[0, :middle, middle]
    assert middle - int(np.abs(np.diff(column)).argmax()) == pytest.approx(4.0 / m_per_px, abs=1.5)


def test_colours_that_repeat_in_both_views_are_found(task):
    found = by_name(probe(task, disc_queries=4, disc_references=9))
    assert found["mean colour"].recall > 0.8
    assert "times chance" in found["mean colour"].verdict
    assert set(found) == {pairing.name for pairing in PAIRINGS} | {FINGERPRINT.name, COLOUR_DISC.name}


def test_unrelated_images_tell_nothing(task, tmp_path):
    rng = np.random.default_rng(1)
    for split in (task.train, task.test):
        for table in (split.queries, split.references):
            for path in table["path"]:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 255, (32, 64, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / path)
    moved = [dataclasses.replace(split, root=tmp_path) for split in (task.train, task.test)]
    found = probe(dataclasses.replace(task, train=moved[0], test=moved[1]), disc_queries=4)
    assert [f.name for f in found.findings if f.verdict != "tells nothing"] == []
    assert all(abs(code.deviations) < 5 for code in found.codes)


def test_a_grain_that_repeats_from_city_to_city_is_found(task, tmp_path):
    rng = np.random.default_rng(2)
    for city in ("Aa", "Bb"):
        tiles = task.test.references[task.test.references["city"] == city]
        grain = np.random.default_rng(3)
        order = np.lexsort([tiles["lon"], -tiles["lat"]])
        for path in tiles["path"].iloc[order]:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(60, 190, (32, 32, 1)) + grain.integers(-40, 40, (32, 32, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / path)
    moved = [dataclasses.replace(split, root=tmp_path) for split in (task.train, task.test)]
    (code,) = position_codes(dataclasses.replace(task, train=moved[0], test=moved[1]))
    assert code.cities == ("Aa", "Bb") and code.tiles == 9
    assert code.deviations > 5 and code.correlation > 0.1


def test_a_verdict_follows_from_interval_and_chance():
    assert Finding("x", 1, 100, 200).verdict == "tells nothing"
    assert Finding("x", 20, 100, 200).verdict == "tells something: 40 times chance"
    assert Finding("x", 0, 100, 200).interval[0] == 0


def test_too_few_to_probe_are_refused(task):
    with pytest.raises(UsageError, match="at least 2"):
        probe(task, queries=1)


def test_the_command_prints_a_table_and_json(noise_world):
    card, root = noise_world
    line = ["dataset", "probe", str(card), "--data-root", str(root), "--split", "same"]
    few = ["--disc-queries", "2", "--disc-references", "4"]
    text = CliRunner().invoke(cli, [*line, *few], catch_exceptions=False).output
    assert "mean colour" in text and "verdict" in text and "standard deviations alike" in text
    report = json.loads(CliRunner().invoke(cli, [*line, *few, "--json"], catch_exceptions=False).stdout)
    assert report["probes"][0]["chance"] == pytest.approx(1 / 18)
    assert report["position_codes"][0]["cities"] == ["Aa", "Bb"]
