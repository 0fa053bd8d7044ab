import json
import shutil
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "result-1.json"
BUILD = "cvgl-bench leaderboard build"
RESULT_ID = json.loads(GOLDEN.read_text())["id"]


@pytest.fixture
def folder(tmp_path):
    """A leaderboard of one result, without its pages."""
    (tmp_path / "results").mkdir()
    shutil.copy(GOLDEN, tmp_path / "results" / f"{RESULT_ID}.json")
    return tmp_path


def test_build_writes_the_pages_and_check_agrees(run_command, folder):
    answer = run_command("leaderboard", "build", "--folder", folder)
    assert answer.code == 0
    assert answer.out == f"wrote {folder / 'README.md'}\nwrote {folder / 'dress.md'}\n"
    answer = run_command("leaderboard", "check", "--folder", folder)
    assert (answer.code, answer.out) == (0, "All pages are up to date.\n")


def test_check_names_stale_pages_and_fails(run_command, folder):
    run_command("leaderboard", "build", "--folder", folder)
    (folder / "dress.md").write_text("old")
    answer = run_command("leaderboard", "check", "--folder", folder)
    assert answer.code == 1
    assert answer.out == f"{folder / 'dress.md'} is out of date; run `{BUILD} --folder {folder}`.\n"
    answer = run_command("leaderboard", "check", "--folder", folder, "--json")
    assert (answer.code, json.loads(answer.out)) == (1, ["dress.md"])


def test_check_writes_nothing(run_command, folder):
    assert run_command("leaderboard", "check", "--folder", folder).code == 1
    assert not (folder / "dress.md").exists()


def test_add_puts_a_result_on_the_board_and_rebuilds(run_command, tmp_path):
    board = tmp_path / "board"
    answer = run_command("leaderboard", "add", GOLDEN, "--folder", board)
    assert answer.code == 0
    assert f"wrote {board / 'results' / RESULT_ID}.json\n" in answer.out
    assert RESULT_ID in (board / "dress.md").read_text()


def test_add_takes_a_run_folder(run_command, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    answer = run_command("leaderboard", "add", run, "--folder", tmp_path / "board")
    assert answer.code == 1 and "run/result.json cannot be read as a result" in answer.err
    shutil.copy(GOLDEN, run / "result.json")
    answer = run_command("leaderboard", "add", run, "--folder", tmp_path / "board")
    assert answer.code == 0 and RESULT_ID in (tmp_path / "board" / "dress.md").read_text()


def test_add_refuses_a_result_that_is_there(run_command, folder):
    answer = run_command("leaderboard", "add", GOLDEN, "--folder", folder)
    assert answer.code == 1 and "never overwritten" in answer.err


def test_verify_says_what_is_missing(run_command, folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(GOLDEN, run / "result.json")
    answer = run_command("leaderboard", "verify", run, "--folder", folder)
    assert answer.code == 1 and "outcome.parquet" in answer.err


def test_verify_reports_differences_and_fails(run_command, folder, monkeypatch):
    monkeypatch.setattr("cvgl_bench.report.leaderboard.verify", lambda *_: ["overall / recall@1: recorded 1"])
    answer = run_command("leaderboard", "verify", "run", "--folder", folder)
    assert (answer.code, answer.out) == (1, "overall / recall@1: recorded 1\n")
    monkeypatch.setattr("cvgl_bench.report.leaderboard.verify", lambda *_: [])
    answer = run_command("leaderboard", "verify", GOLDEN, "--folder", folder)
    assert (answer.code, answer.out) == (0, f"Every figure of {GOLDEN} follows from its outcome.\n")


def test_verify_says_what_it_does_not_check_of_an_earlier_record(run_command, folder, monkeypatch):
    record = json.loads(GOLDEN.read_text())
    del record["metrics"]["intervals"]
    earlier = folder / "earlier.json"
    earlier.write_text(json.dumps(record))
    monkeypatch.setattr("cvgl_bench.report.leaderboard.verify", lambda *_: [])
    answer = run_command("leaderboard", "verify", earlier, "--folder", folder)
    assert answer.code == 0 and answer.out.startswith("Every value and count of ")
    assert "intervals were made by the formulas of version 0.1" in answer.out


def test_a_folder_that_is_not_there_is_one_clear_line(run_command, tmp_path):
    answer = run_command("leaderboard", "build", "--folder", tmp_path / "nowhere")
    assert answer.code == 1
    assert answer.err.count("\n") == 1 and "nowhere is not a folder of leaderboards" in answer.err
