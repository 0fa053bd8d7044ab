"""`cvgl-bench report` as a person meets it: a run of the noise world, and what it refuses."""

import html
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli
from cvgl_bench.report.page import page
from cvgl_bench.report.page.pictures import most_bytes


@pytest.fixture
def report(run_command):
    """Return a function that runs `cvgl-bench report`."""
    return lambda *arguments: run_command("report", *arguments)


@pytest.fixture
def trained(run, tmp_path):
    """Return the folder of a run of the noise world, two epochs long."""
    answer = run("--epochs", "2", "--output", "trained", "--no-leaderboard", "--set", "log_every=1")
    assert answer.exit_code == 0, answer.output
    return tmp_path / "trained"


def pictures(written):
    return written.count('href="data:image/jpeg')


def test_the_page_of_a_run_shows_its_queries(trained, report, tmp_path):
    answer = report(trained, "--figures", "figures")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == "Wrote report.html"
    written = (tmp_path / "report.html").read_text()
    assert len(written.encode()) <= most_bytes(1)
    assert "mean-colour on noise, cross-area" in written
    # One city's mosaic, nine tiles, and the views of queries that are shown.
    assert pictures(written) >= 10 + 6
    assert "Worst: the right reference is ranked last" in written and "bird's-eye view" in written.replace(
        "&#39;", "'"
    )
    data = json.loads(re.search(r'<script id="dots" type="application/json">(.*?)</script>', written)[1])
    outcome_rows = data["runs"][0]["rank"]
    assert len(outcome_rows) == 18 == len(data["names"]) == len(data["maps"][0]["row"])
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"recall.svg", "distance.svg", "training-1.svg", "map-1-1.svg"}
    drawn = ElementTree.parse(tmp_path / "figures/map-1-1.svg").getroot()
    assert [part.tag.partition("}")[2] for part in drawn] == ["image", "path", "path", "path"]
    assert sum(part.get("d", "").count("M") for part in drawn) == 18
    assert "too few of the queries have a known decentrality" in written


def test_pictures_are_left_out_where_the_page_would_be_too_large(trained, report, tmp_path, monkeypatch):
    assert report(trained).code == 0
    whole = (tmp_path / "report.html").read_text()
    held = [len(uri) for uri in re.findall(r"data:image/jpeg;base64,[^\"]*", whole)]
    limit = len(whole.encode()) - sum(held) // 2 + page.ROOM_BYTES_A_RUN
    monkeypatch.setattr(page, "most_bytes", lambda runs: limit)
    assert report(trained, "--overwrite").code == 0
    written = (tmp_path / "report.html").read_text()
    assert 0 < pictures(written) < len(held) and len(written.encode()) <= limit
    assert re.search(r"\d+ pictures are left out so that the page stays small\.", written)
    monkeypatch.setattr(page, "most_bytes", lambda runs: 100_000)
    answer = report(trained, "--overwrite")
    assert answer.code == 2 and "would take more than 100,000 bytes. Give fewer runs." in answer.err


def test_the_command_on_the_page_repeats_the_run(trained, report, tmp_path):
    assert report(trained).code == 0
    text = html.unescape((tmp_path / "report.html").read_text())
    (line,) = re.findall(r"<pre>cvgl-bench (run .+?)</pre>", text)
    again = CliRunner().invoke(cli, [*shlex.split(line), "--output", "again", "--no-leaderboard"])
    assert again.exit_code == 0, again.output
    metrics = [
        json.loads((tmp_path / f / "result.json").read_text())["metrics"] for f in ("trained", "again")
    ]
    assert metrics[0] == metrics[1]


def test_without_images_the_page_says_so(trained, report, noise_world, tmp_path):
    shutil.copytree(noise_world[1], tmp_path / "labels")
    for view in ("panorama", "satellite"):
        for path in (tmp_path / "labels/Bb" / view).iterdir():
            path.unlink()
    answer = report(trained, "--data-root", "labels")
    assert answer.code == 0, answer.err
    written = (tmp_path / "report.html").read_text()
    assert pictures(written) == 0 and "pictures could not be read" in written and "does not exist" in written


def test_without_the_data_the_page_says_so(trained, report, tmp_path, monkeypatch):
    options = trained / "options.yaml"
    options.write_text(re.sub(r"data_root: .*", "data_root: /nowhere", options.read_text()))
    answer = report(trained)
    assert answer.code == 0, answer.err
    written = (tmp_path / "report.html").read_text()
    assert pictures(written) == 0 and "/nowhere is not a folder" in written


def test_no_world_is_generated_for_a_report(write_run, report, tmp_path):
    folder = write_run("a")
    record = json.loads((folder / "result.json").read_text())
    record["task"]["dataset"] = "mini-dress"
    (folder / "result.json").write_text(json.dumps(record))
    answer = report(folder, "--output", tmp_path / "page.html")
    assert answer.code == 0, answer.err
    assert "The generated world mini-dress is not in the cache" in (tmp_path / "page.html").read_text()
    assert not list(Path(os.environ["CVGL_CACHE"]).rglob("*.jpg"))


def test_data_that_are_given_must_be_those_of_the_run(trained, report, wide_world, tmp_path):
    answer = report(trained, "--data-root", wide_world[1])
    assert answer.code == 1 and "is not the one that the run in" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


def test_two_runs_stand_side_by_side(write_run, report, tmp_path):
    answer = report(write_run("a"), write_run("b", share=0.8), "--output", tmp_path / "both.html")
    assert answer.code == 0, answer.err
    written = (tmp_path / "both.html").read_text()
    assert "a, b on mini, cross-area" in written and "these weights of b are better" in written


def test_an_existing_page_is_kept_unless_it_may_be_replaced(write_run, report, tmp_path):
    kept = tmp_path / "page.html"
    kept.write_text("mine")
    answer = report(write_run("a"), "--output", kept)
    assert answer.code == 2 and "exists; choose another --output or add --overwrite" in answer.err
    assert kept.read_text() == "mine"
    assert report(tmp_path / "a-1", "--output", kept, "--overwrite").code == 0
    assert kept.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda folder: (folder / "outcome.parquet").unlink(), 1, "There is no outcome"),
        (lambda folder: (folder / "outcome.parquet").write_text("x"), 1, "cannot be read as an outcome"),
        (lambda folder: (folder / "result.json").unlink(), 1, "is not a finished run"),
        (lambda folder: (folder / "steps.csv").write_text("a,b\nx,y\n"), 1, "steps.csv cannot be read"),
        (lambda folder: (folder / "options.yaml").write_text("["), 2, "options.yaml cannot be read"),
    ],
    ids=["no outcome", "damaged outcome", "no run", "damaged steps", "damaged options"],
)
def test_a_folder_that_cannot_be_shown_is_one_line(spoil, code, words, write_run, report, tmp_path):
    folder = write_run("a")
    spoil(folder)
    answer = report(folder, "--output", tmp_path / "page.html")
    assert answer.code == code and words in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_runs_of_different_splits_are_refused(write_run, report, tmp_path):
    answer = report(write_run("a"), write_run("b", fingerprint="0" * 64), "--output", tmp_path / "page.html")
    assert answer.code == 2 and "Compare runs of one split" in answer.err


def test_a_place_that_cannot_be_written_is_said_before_the_work(write_run, report, tmp_path):
    (tmp_path / "file").write_text("")
    answer = report(write_run("a"), "--output", tmp_path / "file/page.html")
    assert answer.code == 1 and "cannot be written" in answer.err
    answer = report(tmp_path / "a-1", "--output", tmp_path / "page.html", "--figures", tmp_path / "file")
    assert answer.code == 1 and len(answer.err.splitlines()) == 1


def test_without_a_run_the_command_says_what_it_takes(report):
    answer = report()
    assert answer.code == 2 and "RUN" in answer.err
