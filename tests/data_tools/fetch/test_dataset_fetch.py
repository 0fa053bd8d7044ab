"""The command `dataset fetch`, and the lists it reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from cvgl_bench.cli.dataset_fetch import command
from cvgl_bench.data import cards
from cvgl_bench.data_tools.fetch.listing import estimate, jobs_of, wanted_files
from cvgl_bench.data_tools.fetch.street import KEY_VARIABLE, GoogleMapTiles
from cvgl_bench.foundation import geo
from cvgl_bench.foundation.errors import DataError, UnknownNameError, UsageError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.views.images import read_image

from .conftest import Steady, png
from .test_street import PANORAMA, Google

KNOWN = load_plugins([]).layouts


@pytest.fixture
def lists(noise_world, tmp_path) -> tuple[Path, Path]:
    """Return (card, root) of a data set that has its lists and no pixels."""
    card, root = noise_world
    shutil.copytree(root / "splits_new", tmp_path / "data" / "splits_new")
    return Path(shutil.copy(card, tmp_path)), tmp_path / "data"


@pytest.fixture
def tiles(noise_world, serve) -> str:
    """Serve the map that the noise world's tiles are cut from; return its template."""
    card, root = noise_world
    dataset = cards.read_card(card)
    pieces = []
    for wanted in wanted_files(dataset, root, view="reference", cities=dataset.cities, layouts=KNOWN):
        x, y = (round(float(v)) - 16 for v in geo.mercator_px(wanted.lat, wanted.lon, 18))
        pieces.append((x, y, read_image(root / wanted.path)))

    def answer(method, path, body):
        _, column, row = map(int, path.strip("/").split("/"))
        canvas = np.zeros((256, 256, 3), np.uint8)
        for x, y, pixels in pieces:
            left, top = x - column * 256, y - row * 256
            rows, columns = slice(max(0, top), max(0, top + 32)), slice(max(0, left), max(0, left + 32))
            target = canvas[rows, columns]
            skip_y, skip_x = max(0, -top), max(0, -left)
            target[:] = pixels[skip_y : skip_y + target.shape[0], skip_x : skip_x + target.shape[1]]
        return 200, {}, png(canvas)

    return serve(answer).url + "/{z}/{x}/{y}"


def invoke(*arguments) -> str:
    result = CliRunner(catch_exceptions=False).invoke(command, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def fetch(lists, tiles, *more) -> str:
    card, root = lists
    return invoke(card, "--data-root", root, "--url", tiles, "--allow-private", "--rate-per-s", 0, *more)


def test_every_listed_file_is_wanted_once(noise_world):
    card, root = noise_world
    dataset = cards.read_card(card)
    for view, folder in (("reference", "satellite"), ("query", "panorama")):
        found = [
            wanted.path
            for wanted in wanted_files(dataset, root, view=view, cities=dataset.cities, layouts=KNOWN)
        ]
        there = [str(path.relative_to(root)) for path in root.glob(f"*/{folder}/*")]
        assert sorted(found) == sorted(there)


def test_what_is_there_is_not_counted_as_missing(noise_world, lists):
    card, root = lists
    dataset = cards.read_card(card)
    there = root / "Aa" / "satellite"
    shutil.copytree(noise_world[1] / "Aa" / "satellite", there)
    provider = Steady()
    found = estimate(
        jobs_of(dataset, root, providers={"reference": provider}, cities=dataset.cities, layouts=KNOWN), root
    )["reference"]
    assert (found.listed, found.present, found.missing, found.requests) == (18, 9, 9, 18)
    assert found.missing_bytes == pytest.approx(9 * 32 * 32 * 1.5)


def test_tiles_come_back_as_they_were(noise_world, lists, tiles):
    fetch(lists, tiles, "--accept-terms")
    originals = sorted(noise_world[1].glob("*/satellite/*"))
    assert len(originals) == 18
    for path in originals:
        fetched = lists[1] / path.relative_to(noise_world[1])
        assert np.array_equal(read_image(fetched), read_image(path))


def test_a_dry_run_fetches_nothing(lists, tiles):
    report = json.loads(fetch(lists, tiles, "--dry-run", "--json", "--cities", "Aa"))
    assert report["estimate"]["tiles"]["missing"] == 9
    assert report["estimate"]["tiles"]["requests"] >= 1
    assert report["report"] is None
    assert {path.name for path in lists[1].iterdir()} == {"splits_new"}


def test_terms_are_shown_and_must_be_accepted(lists, tiles):
    card = yaml.safe_load(lists[0].read_text())
    card["fetch"] = {"tiles": {"url": tiles, "terms": "https://terms.example", "attribution": "Someone"}}
    lists[0].write_text(yaml.safe_dump(card))
    arguments = [str(lists[0]), "--data-root", str(lists[1]), "--allow-private"]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UsageError) and "--accept-terms" in str(result.exception)
    assert "https://terms.example Someone" in result.stderr
    assert not (lists[1] / "Aa").exists()
    invoke(*arguments, "--accept-terms")


def test_the_command_again_does_nothing(lists, tiles):
    fetch(lists, tiles, "--accept-terms")
    assert "fetched 0 files (0.0 MB), 18 were there" in fetch(lists, tiles, "--accept-terms")


def test_check_fetches_damaged_files_anew(lists, tiles):
    fetch(lists, tiles, "--accept-terms")
    victim = next(lists[1].glob("Aa/satellite/*"))
    whole = victim.read_bytes()
    victim.write_bytes(b"<html>" + whole[6:])
    output = fetch(lists, tiles, "--accept-terms", "--check")
    assert "other content than was fetched; it is fetched anew" in output and "fetched 1 files" in output
    assert victim.read_bytes() == whole


def test_failures_are_shown_and_exit_with_an_error(lists, serve, hurried):
    server = serve(lambda *request: (404, {}, b""))
    arguments = [lists[0], "--data-root", lists[1], "--url", server.url + "/{z}/{x}/{y}", "--allow-private"]
    result = CliRunner().invoke(command, [str(a) for a in (*arguments, "--accept-terms", "--rate-per-s", 0)])
    assert isinstance(result.exception, DataError) and "18 files of noise could not be had" in str(
        result.exception
    )
    assert "HTTP status 404" in result.stdout and "and 8 more" in result.stdout


def test_one_picture_for_many_tiles_is_spoken_of_and_can_be_left_out(lists, serve):
    same = png(np.full((256, 256, 3), 204, np.uint8))
    url = serve(lambda *request: (200, {}, same)).url + "/{z}/{x}/{y}"
    output = fetch(lists, url, "--accept-terms")
    assert "fetched 18 files" in output and "tiles are one and the same picture" in output
    flags = output.split("begin anew with ")[1].split()
    shutil.rmtree(lists[1] / "Aa")
    arguments = [*map(str, lists[:1]), "--data-root", str(lists[1]), "--url", url, "--allow-private"]
    result = CliRunner().invoke(command, [*arguments, "--accept-terms", "--rate-per-s", "0", *flags])
    assert "9 files of noise could not be had" in str(result.exception)
    assert "is the placeholder" in result.stdout


def test_panoramas_come_by_id(lists, serve, monkeypatch):
    card, root = lists
    for path in root.glob("splits_new/*/*_*.txt"):
        lines = path.read_text().splitlines()
        renamed = [
            line.replace(f",0,{line.split(',')[2]}", f",{PANORAMA},{line.split(',')[2]}", 1)
            if "," in line
            else line
            for line in lines
        ]
        path.write_text("\n".join(renamed) + "\n")
    server = serve(Google(512))
    monkeypatch.setattr(GoogleMapTiles, "server", server.url)
    monkeypatch.setenv(KEY_VARIABLE, "my-google-key")
    values = yaml.safe_load(card.read_text())
    values["fetch"] = {"panoramas": {"provider": "google"}}
    card.write_text(yaml.safe_dump(values))
    output = invoke(
        card, "--data-root", root, "--allow-private", "--accept-terms", "--rate-per-s", 0, "--cities", "Aa"
    )
    assert "panoramas by google: 18 listed" in output
    assert all(read_image(path).shape == (32, 64, 3) for path in root.glob("Aa/panorama/*"))
    assert "my-google-key" not in output + (root / "fetch_manifest.jsonl").read_text()


def test_panoramas_are_counted_without_a_key_and_fetched_with_one_only(lists, tiles, monkeypatch):
    card, root = lists
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    values = yaml.safe_load(card.read_text())
    values["fetch"] = {"tiles": {"url": tiles}, "panoramas": {"provider": "google"}}
    card.write_text(yaml.safe_dump(values))
    arguments = [str(card), "--data-root", str(root), "--allow-private", "--accept-terms"]
    output = invoke(*arguments, "--dry-run")
    assert "tiles by xyz: 18 listed" in output and "panoramas by google: 36 listed" in output
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UsageError) and KEY_VARIABLE in str(result.exception)
    assert not list(root.glob("*/satellite")), "said before the tiles were fetched"


def test_wrong_requests_say_so(lists):
    arguments = [str(lists[0]), "--data-root", str(lists[1])]
    for more, error, text in (
        ([], UsageError, "give --url"),
        (
            ["--url", "https://h/{z}/{x}/{y}", "--cities", "Ab"],
            UsageError,
            "'Ab' is no city of noise. Did you mean",
        ),
        (["--url", "https://h/{z}/{x}/{y}", "--labels", "corrected"], UsageError, "'corrected'"),
        (["--url", "https://h/{z}/{x}/{y}", "--connections", "0"], UsageError, "'connections' to 0"),
        (["--url", "https://h/{z}/{x}/{y}", "--zoom", "40"], UsageError, "Zoom 40"),
        (["--url", "https://h/{x}"], UsageError, "lacks one of"),
    ):
        result = CliRunner().invoke(command, arguments + more)
        assert isinstance(result.exception, error) and text in str(result.exception), result.exception


def test_an_unknown_provider_is_named(lists):
    values = yaml.safe_load(lists[0].read_text())
    values["fetch"] = {"tiles": {"provider": "xzy"}}
    lists[0].write_text(yaml.safe_dump(values))
    result = CliRunner().invoke(command, [str(lists[0]), "--data-root", str(lists[1])])
    assert isinstance(result.exception, UnknownNameError) and "Did you mean 'xyz'" in str(result.exception)
