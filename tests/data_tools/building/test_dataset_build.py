"""The command `dataset build`."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from click.testing import CliRunner

from cvgl_bench.cli import cli
from cvgl_bench.cli.dataset_build import command
from cvgl_bench.data.cards import read_card
from cvgl_bench.data_tools.inspection import figure
from cvgl_bench.foundation.errors import UsageError


@pytest.fixture(autouse=True)
def small_figures(monkeypatch):
    """Draw coarsely: what the figure shows is tested where it is made."""
    monkeypatch.setattr(figure, "DOTS_PER_INCH", 40)


def arguments(out, field, *more) -> list[str]:
    flags = [str(part) for key, value in field.items() for part in (f"--{key.replace('_', '-')}", value)]
    return [str(out), *flags, *map(str, more)]


def invoke(*args) -> str:
    result = CliRunner(catch_exceptions=False).invoke(command, arguments(*args))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_says_what_it_made_and_what_comes_next(field, tmp_path):
    output = invoke(tmp_path / "my set", field)
    assert re.search(r"^area +16 ", output, re.MULTILINE) and "tile side" in output
    assert (tmp_path / "my set" / "map.png").stat().st_size > 2_000
    assert read_card(tmp_path / "my set" / "card.yaml").name == "my-set"
    (next_line,) = re.findall("^next: cvgl-bench (.+)$", output, re.MULTILINE)
    words = shlex.split(next_line)
    assert words == ["dataset", "verify", str(tmp_path / "my set" / "card.yaml")], "the card knows its folder"
    assert "No problems." in CliRunner(catch_exceptions=False).invoke(cli, words).output


def test_a_script_gets_json(field, tmp_path):
    report = json.loads(invoke(tmp_path / "out", field, "--json", "--name", "other", "--title", "Other"))
    assert report["tiles"] == 16 and report["queries"]["area"]["test"] and report["faults"] == []
    assert read_card(tmp_path / "out" / "card.yaml").title == "Other"


def test_flags_that_may_repeat(field, tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text(table.read_text().replace("photo,lat_deg,lon_deg,heading_deg", "file,lat,lon_deg,yaw"))
    images = tmp_path / "images.csv"
    images.write_text(images.read_text().replace("lat_deg", "lat"))
    more = ("--columns", "photo=file", "--columns", "lat_deg=lat", "--columns", "heading_deg=yaw")
    invoke(tmp_path / "out", field, *more)
    assert read_card(tmp_path / "out" / "card.yaml").counts["queries"] == 16


def test_terms_of_a_server_must_be_accepted(field, tmp_path, serve_map):
    _, url = serve_map
    given = {**field, "imagery": url, "zoom": 18}
    result = CliRunner().invoke(command, arguments(tmp_path / "out", given))
    assert isinstance(result.exception, UsageError) and "--accept-terms" in str(result.exception)
    assert "belongs to whoever runs the tile service" in result.stderr
    result = CliRunner().invoke(command, arguments(tmp_path / "out", given, "--accept-terms"))
    assert isinstance(result.exception, UsageError) and "--allow-private" in str(result.exception)
    invoke(tmp_path / "out", given, "--accept-terms", "--allow-private", "--rate-per-s", 0)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--overlap", "1.5"), "'overlap' to 1.5"),
        (("--tile-px", "big"), "'tile_px' to 'big'"),
        (("--positive", "best"), "'positive' to 'best'"),
        (("--photos", "nowhere"), "--photos nowhere is not a folder"),
    ],
)
def test_wrong_options_are_named(field, tmp_path, more, text):
    result = CliRunner().invoke(command, arguments(tmp_path / "out", field, *more))
    assert isinstance(result.exception, UsageError) and text in str(result.exception), result.exception


def test_help_shows_every_option():
    output = CliRunner().invoke(command, ["--help"]).output
    for flag in (
        "--imagery",
        "--semi-rule [covering|nearest]",
        "--test-cities",
        "--skip-bad",
        "--rate-per-s",
    ):
        assert flag in output
    assert "[default: nearest]" in output
