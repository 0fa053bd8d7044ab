import pytest

from cvgl_bench.report.leaderboard.boards import boards
from cvgl_bench.report.leaderboard.pages import MAIN_METRICS, MARKER, dataset_page, index_page
from cvgl_bench.report.leaderboard.published import Published
from cvgl_bench.scoring.metrics import METRICS
from cvgl_bench.scoring.results import Estimate, Selection

PUBLISHED = Published(
    dataset="city",
    title="City",
    sources={"here": "a paper, table 1"},
    rows=[
        {"method": "Weak", "split": "cross", "source": "here", "per_cent": {"recall@1": 12.3}},
        {
            "method": "Strong",
            "split": "cross",
            "source": "here",
            "per_cent": {"recall@1": 99.9, "hit_rate": 99.95},
        },
        {"method": "Other", "split": "val", "source": "here", "per_cent": {"recall@5": 20}},
    ],
    note="Nothing more could be traced.",
)


def page(*results, published=None):
    return dataset_page("City", boards(results), published)


def tables(text):
    """Return the tables of a page: lists of rows, each a list of cells."""
    found = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table[:1] + table[2:] for table in found if table]


def section(text, heading):
    return text.split(heading + "\n", 1)[1].split("\n##", 1)[0]


def test_every_main_metric_exists():
    assert set(MAIN_METRICS) <= {metric.id for metric in METRICS}


def test_a_single_run_shows_its_interval_commit_code_and_record(make_result):
    main, _ = tables(page(make_result(0.5, id="20260101-net", seed=4)))
    row = dict(zip(*main, strict=True))
    assert row["Method"] == "Net (2024)"
    assert row["recall@1"] == "50.00 [48.00, 52.00]"
    assert row["median_distance_m"] == "12.3 [10.0, 15.0]"
    assert row["Seeds"] == "[4](results/20260101-net.json)"
    assert (row["Code"], row["Commit"]) == ("cvgl-net 1.0", "`0123456789`")
    assert "sd" not in row


def test_seeds_show_mean_deviation_and_every_record(make_result):
    results = [make_result(v, id=f"r{n}", seed=n) for n, v in ((1, 0.4), (2, 0.5), (3, 0.6))]
    row = dict(zip(*tables(page(*results))[0], strict=True))
    assert row["recall@1"].startswith("50.00 [")
    assert row["sd"] == "10.00"
    assert row["Seeds"] == "[1](results/r1.json), [2](results/r2.json), [3](results/r3.json)"


def test_recall_by_decentrality_with_counts(make_result):
    _, bins = tables(page(make_result(0.25)))
    assert bins[0] == ["Method", "0.0-0.5 (n = 500)", "0.5-1.0 (n = 500)"]
    assert bins[1] == ["Net (2024)", "25.00 [23.00, 27.00]", "25.00 [23.00, 27.00]"]


def test_the_numbers_that_sum_decentrality_up_end_its_table(make_result):
    runs = [
        make_result(id=str(n), seed=n, summary={"auc_decentrality": area, "edge_drop": drop})
        for n, area, drop in ((1, 0.4, 0.1), (2, 0.5, None))
    ]
    table = tables(page(*runs))[1]
    assert table[0][-1] == "area" and table[1][-1] == "45.00"
    table = tables(page(runs[0]))[1]
    assert table[0][-2:] == ["area", "drop"] and table[1][-2:] == ["40.00", "10.00"]


def test_the_two_hit_rates_are_two_columns(make_result):
    row = dict(zip(*tables(page(make_result(0.5)))[0], strict=True))
    assert row["hit_rate"].startswith("50.00") and row["covered@1"].startswith("60.00")


def test_other_metrics_follow_in_a_table_of_their_own(make_result):
    further = {"mean_position_error_m": Estimate(value=3.21, count=9), "a|b": Estimate(value=0.5, count=9)}
    text = page(make_result(overall=further))
    assert tables(text)[2] == [["Method", "mean_position_error_m", "a¦b"], ["Net (2024)", "3.2", "0.5"]]


def test_the_subject_names_counts_labels_and_split(make_result):
    text = page(make_result(task={"label_edition": "corrected", "query_count": 52605}))
    assert "52,605 queries, 500 references, corrected labels, split `ffffffffffff`." in text


def test_ablations_are_told_apart_by_their_options(make_result):
    options = {"training": {"epochs": 2, "seed": 1}, "method": {"bim": False}}
    main = tables(page(make_result(0.5), make_result(0.4, id="b", options=options)))[0]
    assert [row[0] for row in main[1:]] == ["Net (2024) (bim=true)", "Net (2024) (bim=false)"]


def test_foreign_weights_are_named(make_result):
    text = page(make_result(task={"train_fingerprint": ""}, checkpoint_sha256="abcdef0123456789" * 4))
    assert "Net (2024) weights `abcdef012345`" in text


def test_uncommitted_changes_show(make_result):
    assert "`0123456789-dirty`" in page(make_result(commit="0123456789abcdef-dirty"))


def test_superseded_runs_are_listed_under_the_table(make_result):
    old = make_result(id="old", created="2025-01-01T00:00:00Z")
    text = page(old, make_result(id="new"))
    assert "Superseded by a newer run of the same seed: [old](results/old.json)." in text


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({"task": {"partial": True, "cities": ["Aa"]}}, "### Kept apart: a subset of the cities: Aa"),
        ({"selection": Selection(rule="test", epoch=1)}, "### Kept apart: epoch chosen on the test split"),
        ({"task": {"variant": "fov-90"}}, "### Kept apart: variant fov-90"),
        ({"origin": "embeddings"}, "### Kept apart: embeddings made elsewhere"),
    ],
)
def test_marked_results_stand_under_a_heading_that_says_why(make_result, changes, heading):
    text = page(make_result(0.1, id="plain"), make_result(0.99, id="marked", **changes))
    assert "results/plain.json" in section(text, "### Measured")
    assert "results/marked.json" not in section(text, "### Measured")
    assert "results/marked.json" in section(text, heading)


def test_published_figures_have_their_own_table_with_sources(make_result):
    text = page(make_result(0.5), published=PUBLISHED)
    assert "Strong" not in section(text, "### Measured")
    table = tables(section(text, "### Published"))[0]
    assert table[0] == ["Method", "recall@1", "hit rate of the source", "Source"]
    assert table[1:] == [
        ["Strong", "99.90", "99.95", "a paper, table 1"],
        ["Weak", "12.30", "–", "a paper, table 1"],
    ]
    assert text.rstrip().endswith("Nothing more could be traced.")


def test_splits_that_are_only_published_have_a_section():
    text = page(published=PUBLISHED)
    assert text.index("## Cross-area") < text.index("## Split `val`")
    assert "### Measured" not in text


def test_other_peoples_titles_cannot_break_the_table(make_result):
    title = "A | B\n| <script> [link](http://x)"
    main = tables(page(make_result(method={"title": title})))[0]
    assert len(main) == 2 and len(main[1]) == len(main[0])
    text = page(make_result(method={"title": title}))
    assert "<script>" not in text and "[link]" not in text.replace("\\[link]", "")


def test_pages_are_marked_as_generated_and_hold_no_machine_or_date(make_result):
    result = make_result(environment={"platform": "Plan9"}, created="2031-05-06T00:00:00Z")
    for text in (page(result), index_page({"city.md": ("City", boards([result]), None)})):
        assert text.startswith(MARKER) and text.endswith("\n") and not text.endswith("\n\n")
        assert "Plan9" not in text and "2031" not in text


def test_the_index_names_the_best_ranked_row_of_each_split(make_result):
    results = [
        make_result(0.3, id="a"),
        make_result(0.7, id="b", method={"name": "best", "title": "Best"}),
        make_result(0.9, id="c", task={"partial": True}, method={"name": "best", "title": "Cheat"}),
    ]
    pages = {
        "city.md": ("City", boards(results), None),
        "old.md": ("Old", [], PUBLISHED),
        "part.md": ("Part", boards(results[2:]), None),
    }
    table = tables(index_page(pages))[0]
    assert table[1] == ["[City](city.md)", "cross", "2", "Best", "70.00 [68.00, 72.00]"]
    assert table[2] == ["[Old](old.md)", "–", "0", "3 published rows", "–"]
    assert table[3] == ["[Part](part.md)", "–", "0", "results kept apart only", "–"]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        (r"\[click](http://evil.example/x)", r"\\\[click](http"),
        ("a`b|c`", r"a\`b\|c\`"),
        ("<img src=x>&lt;", "&lt;img src=x>&amp;lt;"),
        ("two\nlines\x1b[31m\u202ered\x00", r"two lines\[31mred"),
    ],
)
def test_markup_and_control_characters_in_a_title_mean_themselves(make_result, title, shown):
    text = page(make_result(method={"title": title}))
    assert shown in text
    assert all(character.isprintable() or character == "\n" for character in text)


def test_groups_stand_beside_the_rows_and_in_the_index(make_result):
    results = [
        make_result(recall, id=name, method={"name": name, "title": name})
        for name, recall in (("first", 0.6), ("close", 0.59), ("far", 0.2))
    ]
    main, *_ = tables(page(*results))
    assert [row[:2] for row in main[1:]] == [["first", "a"], ["close", "a"], ["far", "b"]]
    ((_, row),) = tables(index_page({"city.md": ("City", boards(results), None)}))
    assert row[3] == "first, close" and row[4] == "60.00 [58.00, 62.00], 59.00 [57.00, 61.00]"


def test_rows_of_redrawn_intervals_are_named(make_result):
    earlier = make_result(0.6, id="earlier", method={"name": "e", "title": "Earlier"})
    now = make_result(0.5, id="now", method={"name": "n", "title": "Now"})
    now = now.model_copy(update={"metrics": now.metrics.model_copy(update={"intervals": "spatial"})})
    assert "dependence between tiles was looked for: Earlier." in page(earlier, now)
    assert "looked for" not in page(now)


def test_the_range_of_the_curve_stands_beside_its_area(make_result):
    summary = {"decentrality_from": 0.0, "decentrality_to": 0.62, "auc_decentrality": 0.3}
    text = page(make_result(summary=summary))
    assert "smoothed curve from 0 to 0.62," in text
    assert "smoothed curve," in page(make_result())
