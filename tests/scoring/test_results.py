import json
from pathlib import Path

import pytest

from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.scoring.results import (
    SCHEMA_VERSION,
    Result,
    parse_result,
    read_result,
    write_result,
)

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def record():
    """The golden record of schema 1 as plain data, to be changed by a test."""
    return json.loads((GOLDEN / "result-1.json").read_text())


def changed(record, path, value):
    *folders, last = path.split("/")
    inner = record
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return record


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_one_file_of_every_schema_version_still_loads(version):
    result = read_result(GOLDEN / f"result-{version}.json")
    assert result.method.name == "auxgeo"
    assert result.metrics.overall["recall@1"].value == 0.41
    assert result.metrics.by_decentrality["0.5-1.0"]["recall@1"].count == 400
    assert result.task.split == "cross" and result.selection.rule == "last"


def test_the_golden_file_of_the_present_schema_holds_every_field(record):
    assert set(record) == set(Result.model_fields)
    assert parse_result(record, "golden").model_dump(mode="json") == record


def test_a_record_of_version_0_1_says_how_its_intervals_were_made(record):
    del record["metrics"]["by_border"], record["metrics"]["intervals"]
    metrics = parse_result(record, "golden").metrics
    assert metrics.intervals == "bootstrap" and metrics.by_border == {}
    assert metrics.overall["recall@1"].standard_error is None


def test_a_result_survives_writing_and_reading(tmp_path, record):
    result = parse_result(record, "golden")
    write_result(result, tmp_path / "copy.json")
    assert read_result(tmp_path / "copy.json") == result
    assert [path.name for path in tmp_path.iterdir()] == ["copy.json"]


def test_writing_twice_gives_the_same_bytes(tmp_path, record):
    result = parse_result(record, "golden")
    for name in ("a.json", "b.json"):
        write_result(result, tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_an_existing_result_is_never_overwritten(tmp_path, record):
    path = tmp_path / "kept.json"
    path.write_text("mine")
    with pytest.raises(ResultError, match=r"kept\.json exists and is never overwritten"):
        write_result(parse_result(record, "golden"), path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["metrics", "seconds", "options"])
def test_numbers_that_are_none_are_refused(tmp_path, record, field, constant):
    path = {"metrics": "metrics/overall/recall@1/value", "seconds": "seconds/train", "options": "options/x"}
    text = json.dumps(changed(record, path[field], "HERE")).replace('"HERE"', constant)
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ResultError, match=rf"bad\.json.*{constant.lstrip('-')}"):
        read_result(tmp_path / "bad.json")


def test_a_number_that_is_none_is_not_written_either(tmp_path, record):
    result = parse_result(record, "golden")
    broken = result.model_copy(update={"seconds": {"train": float("nan")}})
    with pytest.raises(ResultError, match="cannot be written"):
        write_result(broken, tmp_path / "bad.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, None, "1", True, 1.0])
def test_another_schema_version_is_refused_with_what_to_do(record, version):
    with pytest.raises(ResultError, match=r"x\.json has schema version .*Update cvgl-bench"):
        parse_result(changed(record, "schema_version", version), "x.json")


@pytest.mark.parametrize("data", [[], "text", None, 3])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(ResultError, match=r"x\.json has schema version None"):
        parse_result(data, "x.json")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "../../elsewhere"),
        ("id", "a/b"),
        ("id", ".hidden"),
        ("task/dataset", "../dress"),
        ("task/split", ""),
        ("origin", "guessed"),
        ("selection/rule", "best"),
        ("metrics/overall/recall@1/count", -1),
        ("metrics/overall/recall@1/value", "high"),
        ("task/query_count", 0),
        ("surprise", 1),
    ],
)
def test_a_wrong_field_is_named(record, path, value):
    with pytest.raises(ResultError) as caught:
        parse_result(changed(record, path, value), "x.json")
    assert "x.json is not a valid result: " + path.replace("/", ".") in str(caught.value)


def test_a_missing_field_is_named(record):
    del record["metrics"]
    with pytest.raises(ResultError, match="metrics: field required"):
        parse_result(record, "x.json")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1, 2"])
def test_an_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=r"broken\.json cannot be read as a result"):
        read_result(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ResultError, match=r"none\.json cannot be read"):
        read_result(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("metrics/overall/recall@1/value", 5.0, "overall.recall@1: the value 5 is not within its interval"),
        ("metrics/overall/recall@1", {"value": 5.0, "count": 1}, "recall@1: 5 is no share"),
        ("metrics/overall/recall@1", {"value": -0.1, "count": 1}, "recall@1: -0.1 is no share"),
        ("metrics/overall/recall@1/low", 0.9, "not within its interval"),
        ("metrics/overall/recall@1/high", None, "an interval has a value and both ends"),
        ("metrics/overall/recall@1/value", None, "an interval has a value and both ends"),
        ("metrics/by_decentrality/abc", {}, "'abc' is no bin"),
        ("metrics/by_decentrality/0.5-0.1", {}, "'0.5-0.1' is no bin"),
        ("metrics/by_city_and_decentrality/Aa", {"x-y": {}}, "'x-y' is no bin"),
        ("options/training/seed", [1], "options.training.seed: .1. is no whole number"),
        ("options/training/seed", True, "options.training.seed: True is no whole number"),
        ("task/fingerprint", "`](http://x)", "is no hash"),
        ("checkpoint_sha256", "<b>", "is no hash"),
    ],
)
def test_what_cannot_be_is_refused(record, path, value, words):
    with pytest.raises(ResultError, match=f"x.json is not a valid result: .*{words}"):
        parse_result(changed(record, path, value), "x.json")


def test_a_share_of_a_plugin_is_one_too_and_other_units_are_free(record):
    record["units"]["mine"] = "%"
    record["metrics"]["overall"]["mine"] = {"value": 1.5, "count": 3}
    with pytest.raises(ResultError, match="mine: 1.5 is no share"):
        parse_result(record, "x.json")
    record["units"]["mine"] = "m"
    assert parse_result(record, "x.json").metrics.overall["mine"].value == 1.5


@pytest.mark.parametrize("depth", [30, 900, 1_000_000])
def test_values_deep_in_one_another_are_refused(tmp_path, record, depth):
    path = tmp_path / "x.json"
    text = json.dumps(changed(record, "environment", {"a": "DEEP"}))
    path.write_text(text.replace('"DEEP"', "[" * depth + "]" * depth))
    with pytest.raises(ResultError, match=r"x\.json .*too deep in one another"):
        read_result(path)


def test_halves_of_characters_are_refused(tmp_path, record):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(changed(record, "method/title", "x\ud800")))
    with pytest.raises(ResultError, match=r"x\.json cannot be read as a result: .*surrogates"):
        read_result(path)
