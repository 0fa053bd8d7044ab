"""The page of runs whose data are not at hand: what their records and outcomes alone can say."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cvgl_bench.report.changes import format_change
from cvgl_bench.report.comparison import compare
from cvgl_bench.report.page.inputs import ReportedRun
from cvgl_bench.report.page.page import make_page
from cvgl_bench.report.run_groups import edges_of, group_runs, read_runs
from cvgl_bench.scoring.metrics import METRICS

BY_ID = {metric.id: metric for metric in METRICS}
HOSTILE = "<script>alert(1)</script>$x_{\"&'"


class Parts(HTMLParser):
    """The tags of a page with their attributes, its texts, and its tables as rows of texts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.rows, self.texts, self._cell = [], [], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = tag

    def handle_endtag(self, tag):
        if tag == self._cell:
            self._cell = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._cell:
            self.rows[-1][-1] += data


@pytest.fixture
def page():
    """Return a function that makes the page of run folders, without their data."""

    def make(*folders, **given):
        runs = read_runs(folders)
        groups = group_runs(runs, pool=given.pop("pool", True))
        single = group_runs(runs, pool=False)
        reported = [
            ReportedRun(name, run, missing="There are no data.", **given) for name, (run,) in single.items()
        ]
        return make_page(reported, groups if len(groups) > 1 else single, BY_ID)

    return make


def row_of(parts, first):
    return next(row for row in parts.rows if row and row[0] == first)


def test_one_run_is_summed_up_with_intervals_beside_chance(page, write_run):
    folder = write_run("a")
    parts = Parts(page(folder).html)
    recall = json.loads((folder / "result.json").read_text())["metrics"]["overall"]["recall@1"]
    low, value, high = (f"{100 * recall[name]:.2f}" for name in ("low", "value", "high"))
    assert row_of(parts, "recall@1 (%)") == ["recall@1 (%)", f"{value} [{low}, {high}]", "0.10"]
    assert [row[0] for row in parts.rows if row[0] in ("Aa", "Bb")] == ["Aa", "Bb"]
    assert any("There are no data." in text for text in parts.texts)
    assert any("wrote no losses" in text for text in parts.texts)


def test_a_second_look_is_told_of_among_the_facts(page, write_run):
    folder = write_run("sample4geo")
    record = json.loads((folder / "result.json").read_text())
    shares = {"recall_before": 0.25, "recall_after": 0.5, "recall_of_top": 0.75, "recovered": 0.5}
    counts = {"top": 10, "gained": 70, "lost": 10, "ms_per_query": 29.4}
    method = {"name": "bevmatch", "title": "Disc", "distribution": "cvgl-bench", "version": "1"}
    record["reranking"] = {"method": method, **shares, **counts}
    (folder / "result.json").write_text(json.dumps(record))
    (line,) = [text for text in Parts(page(folder).html).texts if text.startswith("bevmatch takes")]
    assert line == (
        "bevmatch takes recall@1 from 25.00 to 50.00 %, of 75.00 % that 10 references hold, 50 % of the way; "
        "70 queries gained, 10 lost, 29.4 ms a query"
    )


def test_bins_stand_in_the_order_of_their_numbers(page, write_run):
    parts = Parts(page(write_run("a")).html)
    names = [row[0] for row in parts.rows]
    assert [n for n in names if n in ("0-5", "5-10", "10-20", "20 and more")] == [
        "0-5",
        "5-10",
        "10-20",
        "20 and more",
    ]


def test_nothing_is_asked_of_a_network_and_no_name_stands_for_two_things(page, write_run):
    made = page(write_run("a"), write_run("b", share=0.8))
    ids = [tag["id"] for _, tag in Parts(made.html).tags if "id" in tag]
    within = [id for id in ids if re.match(r"[mp][0-9a-f]{9}", id)]
    assert within and len(set(within)) == len(within), "of what figures name inside themselves"
    for _, attributes in Parts(made.html).tags:
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert attributes.get(name, "#").startswith(("#", "data:")), attributes
    style = "".join(re.findall(r"<style.*?</style>", made.html, re.DOTALL))
    assert "url(" not in style.replace("url(#", "") and "@import" not in style
    policy = [tag["content"] for name, tag in Parts(made.html).tags if tag.get("http-equiv")]
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    ]


def test_names_with_markup_are_shown_and_do_nothing(page, write_run):
    folder = write_run(HOSTILE, folder="hostile")
    steps = pd.DataFrame({"step": [1.0, 2.0], "total": [3.0, 2.0], "learning_rate": [0.1, 0.2]})
    made = page(folder, command=HOSTILE, steps=steps)
    parts = Parts(made.html)
    assert sum(tag == "script" for tag, _ in parts.tags) == 2
    assert "<script>alert" not in made.html
    assert HOSTILE in row_of(parts, "metric")
    assert sum(HOSTILE in text for text in parts.texts) >= 3
    for text in made.figures.values():
        assert "<script>" not in text


def test_several_runs_are_compared_as_compare_does(page, write_run):
    folders = [write_run(name, share=share) for name, share in (("a", 0.4), ("b", 0.7), ("c", 0.8))]
    parts = Parts(page(*folders).html)
    groups = group_runs(read_runs(folders))
    first = groups["a"][0]
    found = compare(
        {name: [run.outcome for run in members] for name, members in groups.items()},
        METRICS,
        edges=edges_of(first),
    )
    wanted = [
        [d.metric, f"{d.first} − {d.second}", format_change(d, BY_ID[d.metric].unit)]
        for d in found.differences
        if d.stratum == "overall"
    ]
    assert len(wanted) > 10
    assert [row[:3] for row in parts.rows if len(row) == 5 and "−" in row[1]] == wanted
    assert any("at the first place by b alone" in text for text in parts.texts)


def test_seeds_of_a_method_are_compared_together_and_shown_apart(page, write_run):
    folders = [write_run(m, seed, share=s) for m, s in (("a", 0.4), ("b", 0.7)) for seed in (1, 2)]
    parts = Parts(page(*folders).html)
    assert row_of(parts, "metric") == ["metric", "a", "b", "by chance"]
    heads = " ".join(row_of(parts, next(r[0] for r in parts.rows if r[0].startswith("city"))))
    assert all(name in heads for name in ("a seed 1", "a seed 2", "b seed 1", "b seed 2"))
    alone = page(*folders[:2])
    assert row_of(Parts(alone.html), "metric")[1:3] == ["a seed 1", "a seed 2"]


def test_queries_that_one_run_alone_finds_say_where_the_other_has_them(page, write_run):
    folders = [write_run("a", share=0.4), write_run("b", share=0.8)]
    a, b = (run.outcome.ranking.rank for run in read_runs(folders))
    html = page(*folders).html
    count = np.count_nonzero((b == 0) & (a > 0))
    assert f"Found at the first place by b alone: {count} queries" in html
    assert "a: place 2" in html


def test_figures_are_files_of_their_own(page, write_run):
    losses = pd.DataFrame({"epoch": [1.0, 2.0], "total": [3.0, 2.0]})
    figures = page(write_run("a"), losses=losses).figures
    assert set(figures) == {"recall.svg", "distance.svg", "decentrality.svg", "training-1.svg"}
    for text in figures.values():
        assert text.startswith("<svg") and text.endswith("</svg>") and "currentColor" not in text


def test_a_page_is_the_same_each_time(page, write_run):
    folder = write_run("a")
    assert page(folder).html == page(folder).html


def test_places_without_coordinates(page, write_run, tmp_path):
    """No curve, no map, no distances: each with its reason."""
    folder = write_run("a")
    frame = pd.read_parquet(folder / "outcome.parquet")
    frame = frame.assign(decentrality=np.nan, distance_m=np.nan)
    frame.attrs["reference_count"] = 1000
    frame.to_parquet(folder / "outcome.parquet")
    made = page(folder)
    assert set(made.figures) == {"recall.svg"}
    assert "too few of the queries have a known decentrality" in made.html
