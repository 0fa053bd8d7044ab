"""A first run in a fresh clone: the repository, and the results that it holds, stay as they were."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli

REPOSITORY = Path(__file__).parents[1]
WHO = ["-c", "user.name=me", "-c", "user.email=me@localhost"]


def git(*arguments):
    done = subprocess.run(["git", *WHO, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path):
    """Return a repository with what a run could touch in a clone: its leaderboards and what it ignores."""
    if shutil.which("git") is None:
        pytest.skip("no git here")
    shutil.copytree(REPOSITORY / "leaderboards", tmp_path / "leaderboards")
    shutil.copy(REPOSITORY / ".gitignore", tmp_path)
    git("init", "-q", str(tmp_path))
    git("-C", str(tmp_path), "add", "-A")
    git("-C", str(tmp_path), "commit", "-q", "-m", "a clone")
    return tmp_path


def test_a_first_run_in_a_clone_leaves_it_clean(clone, run):
    assert run(method="chance").exit_code == 0
    (folder,) = Path("runs").glob("*-chance-noise-cross")
    for line in (["sweep", str(folder), "--variant", "brightness:0.5"], ["leaderboard", "build"]):
        done = CliRunner().invoke(cli, line)
        assert done.exit_code == 0, done.output
    assert git("status", "--porcelain") == ""
    assert "Chance" in Path("runs/leaderboards/noise.md").read_text()


def test_the_leaderboards_of_a_clone_are_written_where_that_was_asked_for(clone, run):
    done = run("--leaderboard", "leaderboards", method="chance")
    assert done.exit_code == 0, done.output
    assert "leaderboards/noise.md" in git("status", "--porcelain")


def test_all_runs_of_a_folder_are_compared_though_their_leaderboards_lie_there(run):
    for seed in ("1", "2"):
        assert run("--seed", seed, method="chance").exit_code == 0
    folders = [str(path) for path in Path("runs").iterdir()]
    assert len(folders) == 3
    done = CliRunner().invoke(cli, ["compare", "--no-pool", *folders])
    assert done.exit_code == 0, done.output
