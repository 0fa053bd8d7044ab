import itertools

import pytest

from cvgl_bench.report.leaderboard.boards import boards, marks_of
from cvgl_bench.scoring.results import Estimate, Selection


def ids(row):
    return [run.id for run in row.runs]


def only(found):
    assert len(found) == 1
    return found[0]


def test_seeds_of_one_method_are_one_row(make_result):
    results = [make_result(v, id=f"r{n}", seed=n) for n, v in ((3, 0.6), (1, 0.4), (2, 0.5))]
    row = only(only(boards(results)).rows)
    assert ids(row) == ["r1", "r2", "r3"]
    assert row.estimate("recall@1").value == pytest.approx(0.5)
    assert row.deviation("recall@1") == pytest.approx(0.1)
    assert row.estimate("recall@1", "0.0-0.5").value == pytest.approx(0.5)
    assert row.estimate("nonsense") is None and row.estimate("recall@1", "0.5-0.7") is None


@pytest.mark.parametrize(
    "other",
    [
        {"options": {"training": {"epochs": 3, "seed": 2}, "method": {"bim": True}}},
        {"options": {"training": {"epochs": 2, "seed": 2}, "method": {"bim": False}}},
        {"method": {"version": "1.1"}},
        {"method": {"distribution": "cvgl-copy"}},
        {"task": {"train_fingerprint": "9" * 64}},
        {"selection": Selection(rule="validation", epoch=1)},
    ],
)
def test_what_is_not_one_method_with_one_setting_is_another_row(make_result, other):
    board = only(boards([make_result(id="a", seed=1), make_result(id="b", seed=2, **other)]))
    assert sorted(map(ids, board.rows)) == [["a"], ["b"]]


def test_device_and_workers_do_not_split_a_row(make_result):
    options = {"training": {"epochs": 2, "seed": 2}, "method": {"bim": True}, "machine": {"workers": 0}}
    row = only(only(boards([make_result(id="a", seed=1), make_result(id="b", options=options)])).rows)
    assert ids(row) == ["a", "b"]


def test_a_newer_run_of_a_seed_supersedes_the_older(make_result):
    results = [
        make_result(0.1, id="z-old", seed=1, created="2026-01-01T00:00:00Z"),
        make_result(0.9, id="a-new", seed=1, created="2026-01-02T00:00:00Z"),
    ]
    row = only(only(boards(results)).rows)
    assert ids(row) == ["a-new"]
    assert [run.id for run in row.superseded] == ["z-old"]


def test_each_file_of_foreign_weights_is_a_row(make_result):
    def evaluated(id, sha256):
        return make_result(
            id=id, options={"method": {}}, task={"train_fingerprint": ""}, checkpoint_sha256=sha256
        )

    board = only(boards([evaluated("a", "1" * 64), evaluated("b", "2" * 64)]))
    assert sorted(map(ids, board.rows)) == [["a"], ["b"]]


def test_trained_weights_do_not_split_seeds(make_result):
    results = [make_result(id=str(n), seed=n, checkpoint_sha256=str(n) * 64) for n in (1, 2)]
    assert ids(only(only(boards(results)).rows)) == ["1", "2"]


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"task": {"partial": True, "cities": ["Aa"]}}, "a subset of the cities: Aa"),
        ({"task": {"variant": "yaw-random"}}, "variant yaw-random"),
        ({"selection": Selection(rule="test", epoch=4)}, "epoch chosen on the test split"),
        ({"origin": "embeddings"}, "embeddings made elsewhere"),
    ],
)
def test_what_cannot_be_ranked_is_kept_apart_with_the_reason(make_result, changes, mark):
    marked = make_result(0.99, id="marked", **changes)
    assert marks_of(marked) == (mark,)
    ranking, apart = boards([marked, make_result(0.2, id="plain")])
    assert (ranking.marks, apart.marks) == ((), (mark,))
    assert ids(only(ranking.rows)) == ["plain"] and ids(only(apart.rows)) == ["marked"]


@pytest.mark.parametrize(
    "task",
    [
        {"label_edition": "corrected"},
        {"fingerprint": "0" * 64},
        {"split": "same"},
        {"query_count": 999},
    ],
)
def test_other_queries_or_labels_are_another_board(make_result, task):
    assert len(boards([make_result(id="a"), make_result(id="b", task=task)])) == 2


def test_same_area_comes_before_cross_area_before_the_rest(make_result):
    results = [make_result(id=name, task={"split": name}) for name in ("aaa", "cross", "same")]
    assert [board.split for board in boards(results)] == ["same", "cross", "aaa"]


def test_rows_fall_by_recall_and_the_undefined_is_last(make_result):
    undefined = {"recall@1": Estimate(value=None, count=0)}
    results = [
        make_result(0.1, id="low", method={"name": "low"}),
        make_result(0.9, id="none", method={"name": "none"}, overall=undefined),
        make_result(0.8, id="high", method={"name": "high"}),
    ]
    assert [row.runs[0].id for row in only(boards(results)).rows] == ["high", "low", "none"]


def test_the_order_of_the_files_changes_nothing(make_result):
    results = [
        make_result(0.5, id="a", seed=1),
        make_result(0.5, id="b", seed=2),
        make_result(0.5, id="c", method={"name": "other"}),
        make_result(0.5, id="d", task={"partial": True}),
    ]
    found = {str(boards(order)) for order in itertools.permutations(results)}
    assert len(found) == 1


def test_metrics_come_in_the_built_in_order_then_by_name(make_result):
    extra = {"zeta": Estimate(value=1, count=1), "alpha": Estimate(value=1, count=1)}
    board = only(boards([make_result(overall=extra)]))
    assert board.metrics == ["recall@1", "hit_rate", "covered@1", "median_distance_m", "alpha", "zeta"]


def test_units_are_those_of_the_record_then_of_the_built_in_metric(make_result):
    row = only(only(boards([make_result(units={"mine": "m"})])).rows)
    assert (row.unit("mine"), row.unit("recall@1"), row.unit("theirs")) == ("m", "%", "")


def test_bins_are_in_order_of_their_edges(make_result):
    result = make_result()
    bins = {name: {} for name in ("0.2-1.0", "0.1-0.2", "0.0-0.1")}
    shuffled = result.model_copy(
        update={"metrics": result.metrics.model_copy(update={"by_decentrality": bins})}
    )
    assert only(boards([shuffled])).bins == ["0.0-0.1", "0.1-0.2", "0.2-1.0"]


def test_rows_whose_intervals_are_not_apart_share_a_letter(make_result):
    """The fixture's intervals reach 2 points to both sides."""
    others = {name: {"method": {"name": name, "title": name}} for name in ("b", "c")}
    results = [make_result(0.60, id="a"), make_result(0.59, id="b", **others["b"])]
    (board,) = boards([*results, make_result(0.40, id="c", **others["c"])])
    assert board.letters == ["a", "a", "b"] and board.best == [0, 1]


def test_a_row_without_the_main_metric_is_apart_from_none(make_result):
    nothing = make_result(id="b", method={"name": "b"}, overall={"recall@1": Estimate(value=None, count=0)})
    (board,) = boards([make_result(0.6, id="a"), nothing])
    assert board.letters == ["a", "a"]


def test_the_least_and_greatest_by_city_are_means_over_seeds(make_result):
    def by_city(seed, **recall):
        result = make_result(id=f"r{seed}", seed=seed)
        tables = {city: {"recall@1": Estimate(value=value, count=9)} for city, value in recall.items()}
        return result.model_copy(update={"metrics": result.metrics.model_copy(update={"by_city": tables})})

    (board,) = boards([by_city(1, Aa=0.2, Bb=0.6, Cc=0.3), by_city(2, Aa=0.4, Bb=0.4, Cc=0.3)])
    assert board.rows[0].city_range("recall@1") == pytest.approx((0.3, 0.5))
    (board,) = boards([by_city(1, Aa=0.2)])
    assert board.rows[0].city_range("recall@1") is None


def test_metrics_that_are_made_no_more_are_not_shown(make_result):
    mean = {"mean_position_error_retrieved_m": Estimate(value=5e6, count=9)}
    (board,) = boards([make_result(overall=mean)])
    assert "mean_position_error_retrieved_m" not in board.metrics
