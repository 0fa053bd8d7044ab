import dataclasses

import pytest

from cvgl_bench.foundation.options import as_of_today
from cvgl_bench.method import NoOptions
from cvgl_bench.report.leaderboard.settings import (
    IRRELEVANT_OPTIONS,
    IRRELEVANT_SECTION,
    differing_options,
    flat,
    plain,
    relevant_options,
    seed_of,
)
from cvgl_bench.running.options import sections_of
from cvgl_bench.training.options import TrainingOptions


def test_every_irrelevant_option_exists():
    known = {f"{s}.{f.name}" for s, cls in sections_of(NoOptions).items() for f in dataclasses.fields(cls)}
    assert {name for name in IRRELEVANT_OPTIONS if not name.startswith("method.")} <= known
    assert any(name.startswith(IRRELEVANT_SECTION) for name in known)


def test_records_from_before_an_option_stand_with_those_that_have_it(make_result):
    before = make_result(options={"training": {"sampling": "neighbours"}})
    after, other = (
        make_result(options={"training": {"sampling": "neighbours", "mine_index": index}})
        for index in ("flat", "ivf")
    )
    assert relevant_options(before) == relevant_options(after) != relevant_options(other)


@pytest.mark.parametrize(
    ("name", "value", "by", "on"),
    [("published_batch_size", 128, "scale_rate", "linear"), ("rho", 0.5, "sharpness", "asam")],
)
def test_an_option_that_is_switched_off_tells_no_rows_apart(make_result, name, value, by, on):
    """So that a recipe may come to say what was published without parting a row from its earlier runs."""

    def relevant(**training):
        return relevant_options(make_result(options={"training": {"epochs": 40, **training}}))

    assert relevant(**{name: value}) == relevant()
    assert relevant(**{name: value, by: on}) != relevant(**{by: on})


def test_a_run_that_did_not_train_holds_no_options_of_training(make_result):
    assert relevant_options(make_result(options={"training": {"seed": 1}})) == {}


def test_seed_machine_and_batch_size_are_left_out(make_result):
    options = {
        "training": {"epochs": 2, "seed": 1},
        "method": {"bim": True, "nested": {"a": 1}},
        "evaluation": {"embed_batch_size": 64, "embed_precision": "off"},
        "machine": {"device": "cpu", "workers": 3},
    }
    assert relevant_options(make_result(options=options)) == {
        "training.epochs": 2,
        **{
            f"training.{name}": value
            for name, value in as_of_today(TrainingOptions, {}).items()
            if name not in {"rho", "published_batch_size", "tuned_on", "tries"}
        },
        "method.bim": True,
        "method.nested.a": 1,
        "evaluation.embed_precision": "off",
        "evaluation.decode": "exact",
        "evaluation.rerank": "none",
    }


def test_a_row_that_was_re_ranked_says_by_whom(make_result):
    def run(**evaluation):
        return make_result(options={"evaluation": {"rerank_top": 5, **evaluation}})

    assert differing_options([run(rerank="bevmatch")]) == ["rerank=bevmatch"]
    plain, again, further = run(rerank="none"), run(rerank="bevmatch"), run(rerank="bevmatch", rerank_top=50)
    assert differing_options([plain, again]) == [
        "rerank=none, rerank_top=null",
        "rerank=bevmatch, rerank_top=5",
    ]
    assert differing_options([again, further]) == [
        "rerank=bevmatch, rerank_top=5",
        "rerank=bevmatch, rerank_top=50",
    ]


@pytest.mark.parametrize(
    ("options", "seed"),
    [
        ({"training": {"seed": 7}}, 7),
        ({"method": {"seed": 3}}, 3),
        ({"training": {"seed": 7}, "method": {"seed": 3}}, 7),
        ({"method": {}}, None),
    ],
)
def test_the_seed_is_that_of_training_or_else_of_the_method(make_result, options, seed):
    assert seed_of(make_result(options=options)) == seed


def test_only_options_that_differ_within_a_method_are_named(make_result):
    def run(method, **options):
        return make_result(method={"name": method}, options={"training": {"epochs": 2}, "method": options})

    found = differing_options([run("a", bim=True, rate=1), run("a", bim=False, rate=1), run("b", bim=True)])
    assert found == ["bim=true", "bim=false", ""]


def test_an_option_that_one_row_lacks_differs(make_result):
    rows = [make_result(options={"method": {"kind": "new"}}), make_result(options={"method": {}})]
    assert differing_options(rows) == ["kind=new", "kind=null"]


def test_flat_joins_names_with_dots():
    assert flat({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {"a.b.c": 1, "a.d": [2], "e": None}


def test_plain_text_is_equal_where_values_are():
    assert plain({"b": 1, "a": (1, 2)}) == plain({"a": [1, 2], "b": 1})
    assert plain(1) != plain("1")
