import json
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli
from cvgl_bench.cli.dataset_command import DatasetGroup
from cvgl_bench.foundation.errors import DataError, OptionError, UnknownNameError, UsageError
from cvgl_bench.views.images import read_image


def run(*arguments, code=0):
    result = CliRunner().invoke(cli, ["dataset", *map(str, arguments)])
    if code is None:
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code == 0 else result.output


def test_info_shows_the_card():
    text = run("info", "vigor")
    assert "trains on NewYork, Seattle; tests on Chicago, SanFrancisco" in " ".join(text.split())
    assert "corrected (Chicago 0.111262" in text and "90,618 (Chicago 22,308" in text
    card = json.loads(run("info", "dress", "--json"))
    assert card["tile"]["zoom"] == 18 and card["counts"]["tiles"] == 422_760
    assert "Taipei" in run("info", "mini-dress") and "Canberra" in run("info", "cvact")


def test_unknown_data_sets_and_commands_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'vigor'"):
        run("info", "vigur", code=None)
    assert "Did you mean 'verify'" in run("verfy", code=2)
    with pytest.raises(DataError, match="mini-dress"):
        run("stats", "vigor", code=None)


def test_show_draws_a_query_that_exists(noise_world, tmp_path):
    card, root = noise_world
    place = (card, "--data-root", root, "--split", "cross", "--output", tmp_path / "query.png")
    assert "Bb/panorama" in run("show", *place, "--query", 4)
    assert read_image(tmp_path / "query.png").shape[0] > 700
    with pytest.raises(UsageError, match="--query is 18, but the test split has the rows 0 to 17"):
        run("show", *place, "--query", 18, code=None)


def test_verify_passes_and_fails_by_exit_code(noise_world, tmp_path):
    card, root = noise_world
    text = run("verify", card, "--data-root", root)
    assert "No problems." in text and "72 labels, 54 images" in text and "Aa" in text
    (tmp_path / "empty").mkdir()
    text = run("verify", card, "--data-root", tmp_path / "empty", code=1)
    assert "missing files (1):" in text and "1 problem:" in text


def test_verify_reports_as_json(noise_world):
    card, root = noise_world
    report = json.loads(run("verify", card, "--data-root", root, "--json", "--no-images", "--cities", "Bb"))
    assert report["passed"] and report["problems"] == [] and report["cities"][0]["city"] == "Bb"
    assert report["checked"] == {"labels": 36}
    with pytest.raises(OptionError, match="no city 'Cc'"):
        run("verify", card, "--data-root", root, "--cities", "Cc", code=None)


def test_verify_decodes_once(noise_world, monkeypatch, tmp_path):
    card, root = noise_world
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path))
    assert "54 images decoded, 0 images decoded before" in run(
        "verify", card, "--data-root", root, "--decode"
    )
    assert "0 images decoded, 54 images decoded before" in run(
        "verify", card, "--data-root", root, "--decode"
    )


def test_many_problems_are_cut_unless_all_are_asked_for(noise_world, tmp_path):
    card, root = noise_world
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "splits_new").symlink_to(root / "splits_new")
    for folder in root.glob("*/*/"):
        if folder.parent.name != "splits_new":
            there = tmp_path / "copy" / folder.relative_to(root)
            there.mkdir(parents=True)
            first = sorted(folder.iterdir())[0]
            (there / first.name).symlink_to(first)
    text = run("verify", card, "--data-root", tmp_path / "copy", code=1)
    assert "missing files (50):" in text and "and 40 more" in text
    assert "more" not in run("verify", card, "--data-root", tmp_path / "copy", "--all", code=1)


def test_stats_prints_tables_json_and_a_figure(noise_world, tmp_path):
    card, root = noise_world
    text = run("stats", card, "--data-root", root, "--figure", tmp_path / "f.png")
    assert "queries/km2" in text and "0.8-1" in text and (tmp_path / "f.png").is_file()
    report = json.loads(run("stats", card, "--data-root", root, "--split", "cross", "--json"))
    assert report["split"] == "cross" and [city["city"] for city in report["cities"]] == ["Bb", "Aa"]
    assert report["cities"][0]["tiles"] == 9 and not report["partial"]
    assert sum(report["cities"][0]["decentrality_histogram"]) == 18


def test_export_writes_both_tables(noise_world, tmp_path):
    card, root = noise_world
    text = run("export", card, "--data-root", root, "--split", "cross", "--output", tmp_path / "rows")
    assert "references.csv" in text
    assert len(pd.read_csv(tmp_path / "rows" / "queries.csv")) == 18
    with pytest.raises(DataError, match="exists"):
        run("export", card, "--data-root", root, "--output", tmp_path / "rows", code=None)


@pytest.mark.parametrize("name", ["info", "verify", "stats", "export"])
def test_every_command_helps_with_an_example(name):
    text = run(name, "--help")
    assert "Example" in text and f"cvgl-bench dataset {name}" in text


def test_help_needs_no_heavy_module():
    code = (
        "import sys; from click.testing import CliRunner; from cvgl_bench.cli import cli;"
        "assert CliRunner().invoke(cli, ['dataset', '--help']).exit_code == 0;"
        "assert CliRunner().invoke(cli, ['dataset', 'verify', '--help']).exit_code == 0;"
        "heavy = {'torch', 'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_table_of_commands_names_every_one():
    assert set(DatasetGroup.commands_help) == {
        "info", "verify", "stats", "show", "probe", "export", "fetch", "build", "plan"
    }  # fmt: skip
