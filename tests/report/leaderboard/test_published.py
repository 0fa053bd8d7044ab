from pathlib import Path

import pytest

from cvgl_bench.data.cards import builtin_cards
from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.report.leaderboard.published import published_folder, read_published

FOLDER = Path(__file__).parents[3] / "leaderboards" / "published"
FILES = sorted(FOLDER.glob("*.yaml"))

GOOD = """
dataset: city
title: City
sources: {here: "a paper, table 1"}
rows:
  - {method: Net, split: cross, source: here, per_cent: {recall@1: 12.3}}
"""


def read(tmp_path, text):
    path = tmp_path / "city.yaml"
    path.write_text(text)
    return read_published(path)


def test_reads_rows_as_printed(tmp_path):
    published = read(tmp_path, GOOD)
    assert published.rows[0].per_cent == {"recall@1": 12.3}
    assert published.sources["here"] == "a paper, table 1"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("12.3", "112.3", "less than or equal to 100"),
        ("12.3", ".nan", "rows.0.per_cent.recall@1"),
        ("recall@1", "recall@3", "rows.0.per_cent.recall@3"),
        ("source: here", "source: hearsay", "'hearsay' of Net is not among"),
        ("split: cross, ", "", "rows.0.split"),
        ("title: City", "titel: City", "title"),
        ("dataset: city", "dataset: ../city", "dataset"),
        (GOOD, "- a list", "does not hold published figures"),
        (GOOD, "a: [1", "cannot be read as published figures"),
        (GOOD, "!!python/object/apply:os.getcwd []", "cannot be read as published figures"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_field(tmp_path, old, new, words):
    with pytest.raises(ResultError, match=r"city\.yaml") as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert words in str(caught.value)


def test_published_figures_are_mapped_into_the_package():
    """What `leaderboards/published` is in a checkout is `cvgl_bench/published` once installed."""
    assert sorted(path.name for path in published_folder().glob("*.yaml")) == [path.name for path in FILES]
    setup = Path(__file__).parents[3] / "setup.py"
    if setup.is_file():
        text = setup.read_text()
        assert '"cvgl_bench.published"' in text and 'PUBLISHED: "leaderboards/published"' in text
        assert 'PUBLISHED: ["*.yaml"]' in text


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"none\.yaml cannot be read"):
        read_published(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_figures_are_consistent_with_their_definitions(path):
    """Recall grows with k, a hit is at least a recall@1: most slips of transcription break one."""
    published = read_published(path)
    for row in published.rows:
        values = [
            row.per_cent[m] for m in ("recall@1", "recall@5", "recall@10", "recall@1%") if m in row.per_cent
        ]
        assert values == sorted(values), row
        assert row.per_cent.get("hit_rate", 100) >= row.per_cent["recall@1"], row
    keys = [(row.split, row.method) for row in published.rows]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_published_files_belong_to_cards_and_their_splits(path):
    cards = {card.name: card for card in builtin_cards()}
    published = read_published(path)
    assert path.stem == published.dataset
    assert {row.split for row in published.rows} <= set(cards[published.dataset].splits)
    assert published.title == cards[published.dataset].title


def test_auxgeo_is_absent_and_said_to_be():
    for path in FILES:
        published = read_published(path)
        assert not any("auxgeo" in row.method.lower() for row in published.rows)
        assert "AuxGeo" in published.note


def test_some_figures_as_printed():
    vigor = read_published(FOLDER / "vigor.yaml")
    found = {(row.method, row.split): row for row in vigor.rows}
    assert found["Sample4Geo", "same"].per_cent == {"recall@1": 77.86}
    assert found["TransGeo", "cross"].per_cent["hit_rate"] == 21.21
    assert vigor.sources[found["EP-BEV", "cross"].source] == "quoted in Geo2, CVPR 2026"
    assert len(vigor.rows) == 22
