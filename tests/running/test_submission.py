import json
from pathlib import Path

import pytest
import yaml

from cvgl_bench.cli import main
from cvgl_bench.data.cards import cards_folder
from cvgl_bench.evaluation.evaluate import score
from cvgl_bench.foundation.errors import ResultError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.ranking import OUTCOME
from cvgl_bench.report.leaderboard import verify_all
from cvgl_bench.running.submission import submit
from cvgl_bench.scoring.metrics import METRICS
from cvgl_bench.scoring.results import RESULT, MethodRecord, Result, TaskRecord, read_result, write_result

BUILT_IN = {metric.id: metric for metric in METRICS}
QUERIES = 60


@pytest.fixture(scope="module")
def plugins():
    return load_plugins([])


@pytest.fixture
def clone(tmp_path):
    """Return the leaderboards of a clone, without a result."""
    (tmp_path / "leaderboards" / "results").mkdir(parents=True)
    return tmp_path / "leaderboards"


@pytest.fixture
def write(tmp_path, make_outcome):
    """Return a function that writes a finished run on a data set, whose figures follow from its outcome."""

    def write(id="one", *, dataset="mini-dress", asked=None, **changes):
        outcome = make_outcome([0, 2] * (QUERIES // 2))
        scored = score(outcome, BUILT_IN, edges=(0.0, 0.5, 1.0))
        task = {"dataset": dataset, "split": "cross", "cities": ["Aa", "Bb"], "query_count": QUERIES}
        fields = {
            "origin": "measured",
            "created": "2026-01-01T00:00:00Z",
            "task": TaskRecord(**task, reference_count=1000, fingerprint="f" * 64),
            "method": MethodRecord(name="net", title="Net", distribution="cvgl-net", version="1"),
            "options": {"training": {"seed": 1}},
            "commit": "0123456789abcdef",
        }
        result = Result(id=id, metrics=scored.metrics, summary=scored.summary, **{**fields, **changes})
        folder = tmp_path / id
        folder.mkdir()
        outcome.save(folder / OUTCOME)
        write_result(result, folder / RESULT)
        names = "data_root", "cities", "label_edition", "checkpoint"
        request = {"method": "net", "dataset": asked or dataset, "split": "cross", "published": False}
        request |= {"eval_only": False, "variant": "none", **dict.fromkeys(names)}
        (folder / "options.yaml").write_text(yaml.safe_dump({"id": id, "request": request, "options": {}}))
        return folder

    return write


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_a_pull_request_needs_is_written_and_verifies(write, clone, plugins):
    run = write()
    written = submit(clone, run, plugins)
    expected = ["README.md", "mini-dress.md", "outcomes/one.parquet", "results/one.json"]
    assert files(clone) == expected == sorted(path.relative_to(clone).as_posix() for path in written)
    assert read_result(clone / "results" / "one.json") == read_result(run)
    assert verify_all(clone, BUILT_IN) == {"one": []}


def test_a_card_that_is_the_harness_own_counts_as_its_name(write, clone, plugins):
    run = write(asked=str(cards_folder() / "mini-dress.yaml"))
    assert submit(clone, run, plugins)
    assert submit(clone, write("other", dataset="mini-dress@2"), plugins)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"commit": "0123-dirty"}, "code that no commit holds"),
        ({"dataset": "my-town"}, "my-town, as it was tested on, is no data set that comes with"),
        ({"asked": "gone.yaml"}, "is no data set that comes with the harness"),
        ({"dataset": "vigor@2"}, "is no data set that comes with the harness"),
        ({"origin": "embeddings"}, "kept apart from the ranking \\(embeddings made elsewhere\\)"),
    ],
)
def test_a_run_that_others_could_not_repeat_is_refused(write, clone, plugins, changes, words):
    run = write(**changes)
    with pytest.raises(ResultError, match=f"cannot be submitted: .*{words}"):
        submit(clone, run, plugins)
    assert files(clone) == []


def test_a_card_of_ones_own_under_a_known_name_is_refused(write, clone, plugins, tmp_path):
    card = tmp_path / "mini-dress.yaml"
    card.write_text((cards_folder() / "mini-dress.yaml").read_text().replace("title: ", "title: My "))
    with pytest.raises(ResultError, match="is no data set that comes with the harness"):
        submit(clone, write(asked=str(card)), plugins)


def test_figures_that_do_not_follow_from_the_outcome_are_refused(write, clone, plugins):
    run = write()
    record = json.loads((run / RESULT).read_text())
    record["metrics"]["overall"]["recall@1"]["value"] = 0.6
    (run / RESULT).write_text(json.dumps(record))
    with pytest.raises(ResultError, match="do not follow .*recall@1 / value: recorded 0.6, recomputed 0.5"):
        submit(clone, run, plugins)
    (run / OUTCOME).unlink()
    with pytest.raises(ResultError, match="cannot be submitted: There is no outcome"):
        submit(clone, run, plugins)
    assert files(clone) == []


def test_a_submission_takes_the_place_of_no_result(write, clone, plugins):
    first = write()
    submit(clone, first, plugins)
    before = files(clone)
    with pytest.raises(ResultError, match="holds it already"):
        submit(clone, first, plugins)
    again = write("again", created="2027-01-01T00:00:00Z")
    with pytest.raises(ResultError, match="holds one, which is the same method, options and seed"):
        submit(clone, again, plugins)
    assert files(clone) == before
    assert submit(clone, write("two", options={"training": {"seed": 2}}), plugins)
    assert "Superseded" not in (clone / "mini-dress.md").read_text()


def test_a_folder_that_is_no_clones_leaderboards_is_refused(write, plugins, tmp_path):
    run = write()
    with pytest.raises(ResultError, match="is not the leaderboards of a clone: it has no results/"):
        submit(tmp_path / "boards", run, plugins)
    assert not (tmp_path / "boards").exists()


def test_a_folder_that_is_no_finished_run_is_refused(clone, plugins, tmp_path):
    with pytest.raises(ResultError, match="is not a finished run: it has no result.json"):
        submit(clone, tmp_path, plugins)


def test_the_command_says_what_to_do_next(write, clone, monkeypatch, capsys):
    run = write()
    monkeypatch.chdir(clone.parent)
    monkeypatch.setattr("sys.argv", ["cvgl-bench", "leaderboard", "submit", run.name])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"wrote {Path('leaderboards/outcomes/one.parquet')}"
    assert lines[-1] == "  git add leaderboards && git commit -m 'Result: Net on mini-dress, cross'"
