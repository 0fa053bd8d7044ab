import json

import numpy as np
import pytest

from cvgl_bench.evaluation.evaluate import score
from cvgl_bench.foundation.errors import CvglError
from cvgl_bench.ranking import OUTCOME
from cvgl_bench.ranking.outcome import Outcome, Ranking
from cvgl_bench.report.leaderboard import add, add_outcome, verify, verify_all
from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.scoring.results import RESULT, read_result, write_result

BUILT_IN = {metric.id: metric for metric in METRICS}
QUERIES, REFERENCES, TOP = 60, 150, 5


def some_outcome(*, shift=0):
    generator = np.random.default_rng(3)
    truth = np.repeat(np.arange(QUERIES // 3), 3)
    rank = generator.integers(0, 12, QUERIES) + shift
    top_rows = (truth[:, None] + 1 + np.arange(TOP)) % REFERENCES
    hits = rank < TOP
    top_rows[hits, rank[hits]] = truth[hits]
    return Outcome(
        ranking=Ranking(
            rank=rank,
            ties=np.zeros(QUERIES, np.int64),
            rank_without_covers=rank,
            top_rows=top_rows,
            top_scores=np.tile(np.linspace(0.9, 0.5, TOP, dtype=np.float32), (QUERIES, 1)),
        ),
        distance_m=generator.uniform(0, 300, QUERIES),
        decentrality=generator.uniform(0, 1, QUERIES),
        city=np.where(np.arange(QUERIES) < 30, "Aa", "Bb"),
        truth=truth,
        covers=np.full((QUERIES, 3), -1),
        reference_count=REFERENCES,
        extra={},
    )


@pytest.fixture
def run(tmp_path, make_result):
    """Return (leaderboard folder, run folder) of a run whose figures follow from its outcome."""
    outcome = some_outcome()
    scored = score(outcome, BUILT_IN, edges=(0.0, 0.3, 1.0))
    options = {"training": {"seed": 1}, "evaluation": {"top": 10}}
    counts = {"query_count": QUERIES, "reference_count": REFERENCES}
    result = make_result(id="run", options=options, task=counts)
    result = result.model_copy(update={"metrics": scored.metrics, "summary": scored.summary})
    folder = tmp_path / "run"
    folder.mkdir()
    outcome.save(folder / OUTCOME)
    write_result(result, folder / RESULT)
    add(tmp_path / "boards", result)
    return tmp_path / "boards", folder


def as_of_version_0_1(record):
    """Make a record one whose intervals came from redrawn tiles, with a metric that is made no more."""
    for table in (record["metrics"]["overall"], *record["metrics"]["by_city"].values()):
        for estimate in table.values():
            for name in ("standard_error", "degrees", "clusters"):
                estimate.pop(name, None)
            estimate["low"] = estimate["value"] if estimate["value"] is None else estimate["value"] - 1e-3
    record["metrics"]["intervals"] = "bootstrap"
    record["metrics"]["overall"]["mean_position_error_retrieved_m"] = {"value": 9.5, "count": QUERIES}
    record["summary"] = {"auc_decentrality": 0.4, "edge_drop": record["summary"]["edge_drop"]}


def rewrite(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def test_an_honest_run_has_no_differences(run):
    assert verify(*run, BUILT_IN) == []


@pytest.mark.parametrize(("field", "figure"), [("value", 0.5), ("low", 0.0), ("high", 1), ("count", 1)])
def test_a_figure_that_does_not_follow_is_named(run, field, figure):
    boards, folder = run
    for path in (folder / RESULT, boards / "results" / "run.json"):
        rewrite(path, lambda record: record["metrics"]["by_city"]["Aa"]["recall@5"].update({field: figure}))
    (line,) = verify(boards, folder, BUILT_IN)
    assert line.startswith(f"by_city / Aa / recall@5 / {field}: recorded {figure}")


def test_a_summary_that_does_not_follow_is_named(run):
    boards, folder = run
    for path in (folder / RESULT, boards / "results" / "run.json"):
        rewrite(path, lambda record: record["summary"].update(auc_decentrality=0.999))
    (line,) = verify(boards, folder, BUILT_IN)
    assert line.startswith("summary / auc_decentrality: recorded 0.999")


def test_values_and_counts_of_an_earlier_record_are_checked(run):
    boards, folder = run
    paths = (folder / RESULT, boards / "results" / "run.json")
    for path in paths:
        rewrite(path, as_of_version_0_1)
    assert verify(boards, folder, BUILT_IN) == []
    for path in paths:
        rewrite(path, lambda record: record["metrics"]["overall"]["recall@5"].update(value=0.5, high=0.6))
    (line,) = verify(boards, folder, BUILT_IN)
    assert line.startswith("overall / recall@5 / value: recorded 0.5")


def test_an_outcome_of_other_ranks_is_noticed(run):
    boards, folder = run
    (folder / OUTCOME).unlink()
    some_outcome(shift=1).save(folder / OUTCOME)
    lines = verify(boards, folder, BUILT_IN)
    assert any(line.startswith("overall / recall@1 / value") for line in lines)


def test_a_left_out_stratum_is_noticed(run):
    boards, folder = run
    for path in (folder / RESULT, boards / "results" / "run.json"):
        rewrite(path, lambda record: record["metrics"]["by_city"].pop("Bb"))
    assert any(line.startswith("by_city / Bb: recorded None") for line in verify(boards, folder, BUILT_IN))


def test_a_record_that_was_changed_on_the_board_is_noticed(run):
    boards, folder = run
    rewrite(boards / "results" / "run.json", lambda record: record["method"].update(title="Better"))
    (line,) = verify(boards, folder, BUILT_IN)
    assert "run.json differs from" in line


def test_a_run_that_is_not_on_the_board_is_said_to_be_missing(run, tmp_path):
    (line,) = verify(tmp_path / "other", run[1], BUILT_IN)
    assert "the run is not on this leaderboard" in line


def test_a_metric_nobody_offers_is_named_and_the_rest_checked(run):
    fewer = {id: metric for id, metric in BUILT_IN.items() if id != "hit_rate"}
    assert verify(*run, fewer) == ["hit_rate: no installed plugin offers it, not checked"]


def test_a_metric_that_changed_its_meaning_is_noticed(run):
    changed = {**BUILT_IN, "hit_rate": Metric(id="hit_rate", per_query=lambda outcome: np.ones(len(outcome)))}
    assert any("hit_rate" in line for line in verify(*run, changed))


def test_a_folder_without_outcome_is_named(run):
    boards, folder = run
    (folder / OUTCOME).unlink()
    with pytest.raises(CvglError, match=OUTCOME):
        verify(boards, folder, BUILT_IN)


def test_counts_that_the_outcome_does_not_have_are_noticed(run):
    boards, folder = run
    for path in (folder / RESULT, boards / "results" / "run.json"):
        rewrite(path, lambda record: record["task"].update(reference_count=REFERENCES + 1))
    (line,) = verify(boards, folder, BUILT_IN)
    assert line == f"task / reference_count: recorded {REFERENCES + 1}, recomputed {REFERENCES}"


def test_results_whose_outcomes_are_kept_beside_them_are_recomputed(run, make_result):
    boards, folder = run
    assert verify_all(boards, BUILT_IN) == {}
    add_outcome(boards, "run", folder / OUTCOME)
    add(boards, make_result(id="without"))
    assert verify_all(boards, BUILT_IN) == {"run": []}
    rewrite(boards / "results" / "run.json", lambda record: record["summary"].update(auc_decentrality=0.999))
    (line,) = verify_all(boards, BUILT_IN)["run"]
    assert line.startswith("summary / auc_decentrality: recorded 0.999")
    (boards / "results" / "run.json").unlink()
    (line,) = verify_all(boards, BUILT_IN)["run"]
    assert line.endswith("run.parquet belongs to no result")


def test_verification_writes_nothing(run):
    boards, folder = run
    before = read_result(folder / RESULT)
    verify(boards, folder, BUILT_IN)
    assert sorted(path.name for path in folder.iterdir()) == sorted([OUTCOME, RESULT])
    assert read_result(folder / RESULT) == before
