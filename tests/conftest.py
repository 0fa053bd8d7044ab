"""Shared by the tests: small worlds of noise in the layout of DReSS, and a method that soon learns them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image
from torch import nn

import cvgl_bench.plugins
from cvgl_bench import hookimpl
from cvgl_bench.cli import cli
from cvgl_bench.foundation import geo
from cvgl_bench.method import TrainableMethod
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.scoring.metrics import Metric

TILE_PX, ZOOM = 32, 18
QUICK = ["--set", "batch_size=4", "--workers", "0", "--device", "cpu"]
CITIES = {"Aa": (48.0, 2.0), "Bb": (-33.0, 151.0)}


@pytest.fixture(scope="session", autouse=True)
def two_threads():
    """Keep torch from oversubscribing small machines."""
    torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep the embeddings of tests out of the user's cache."""
    monkeypatch.setenv("CVGL_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def sample_data() -> Path:
    """The folder of real sample data, or a skip where it is not given."""
    folder = os.environ.get("CVGL_SAMPLE_DATA")
    if not folder:
        pytest.skip("CVGL_SAMPLE_DATA, the folder of real sample data, is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def noise_world(tmp_path_factory) -> tuple[Path, Path]:
    """Return (card, root) of two cities with nine tiles and eighteen queries each.

    A query's panorama repeats the colours of its tile, so that a network can learn the match.
    """
    return _write_world(tmp_path_factory.mktemp("noise"), tiles_per_side=3)


@pytest.fixture(scope="session")
def wide_world(tmp_path_factory) -> tuple[Path, Path]:
    """Return (card, root) of a noise world with 289 tiles a city: enough for a per cent, and for an index."""
    return _write_world(tmp_path_factory.mktemp("wide"), tiles_per_side=17)


def _write_world(folder: Path, *, tiles_per_side: int) -> tuple[Path, Path]:
    root = folder / "world"
    generator = np.random.default_rng(0)
    for city, (lat, lon) in CITIES.items():
        _write_city(root, city, lat, lon, generator, tiles_per_side=tiles_per_side)
    card = {
        "name": "noise",
        "title": "Noise",
        "layout": "dress",
        "cities": list(CITIES),
        "splits": {
            "same": {"train": list(CITIES), "test": list(CITIES)},
            "cross": {"train": ["Aa"], "test": ["Bb"]},
        },
        "tile": {"size_px": [TILE_PX, TILE_PX], "zoom": ZOOM},
        "panorama": {"size_px": [TILE_PX, 2 * TILE_PX]},
        "licence": "CC0-1.0",
        "access": "made by the tests",
    }
    path = folder / "noise.yaml"
    path.write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    return path, root


def _write_city(
    root: Path, city: str, lat: float, lon: float, generator: np.random.Generator, *, tiles_per_side: int
) -> None:
    for view in ("panorama", "satellite"):
        (root / city / view).mkdir(parents=True)
    labels = root / "splits_new" / city
    labels.mkdir(parents=True)
    left, top = (np.floor(v) for v in geo.mercator_px(lat, lon, ZOOM))
    names, colours = [], []
    for j in range(tiles_per_side):
        for i in range(tiles_per_side):
            centre = geo.from_mercator_px(left + (i + 0.5) * TILE_PX, top + (j + 0.5) * TILE_PX, ZOOM)
            names.append(f"satellite_z{ZOOM}_{centre[1]:.10f}_{centre[0]:.10f}.png")
            colours.append(generator.integers(40, 216, 3))
            _noise(colours[-1], (TILE_PX, TILE_PX), generator).save(root / city / "satellite" / names[-1])
    lines = []
    for row, colour in enumerate(colours):
        for copy in range(2):
            x, y = generator.uniform(2, TILE_PX - 2, 2).round(2)
            j, i = divmod(row, tiles_per_side)
            q_lat, q_lon = geo.from_mercator_px(left + i * TILE_PX + x, top + j * TILE_PX + y, ZOOM)
            name = f"{city}{row}{copy},0,{q_lat:.8f},{q_lon:.8f},0,.png"
            _noise(colour, (TILE_PX, 2 * TILE_PX), generator).save(root / city / "panorama" / name)
            steps = (1, tiles_per_side, tiles_per_side + 1)
            others = [r for r in (row + step for step in steps) if r < len(names)] + [
                r for r in range(3) if r != row
            ]
            fields = [name, names[row], x, y]
            for other in others[:3]:
                oj, oi = divmod(other, tiles_per_side)
                fields += [names[other], x + (i - oi) * TILE_PX, y + (j - oj) * TILE_PX]
            lines.append(" ".join(map(str, fields)))
    (labels / "satellite_list.txt").write_text("\n".join(names) + "\n")
    (labels / "pano_label_balanced.txt").write_text("\n".join(lines) + "\n")
    (labels / "same_area_balanced_train.txt").write_text("\n".join(lines[::2]) + "\n")
    (labels / "same_area_balanced_test.txt").write_text("\n".join(lines[1::2]) + "\n")


def _noise(colour: np.ndarray, size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    pixels = colour + generator.normal(0, 12, (*size, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


class MeanColour(TrainableMethod):
    """Learns to match the mean colours of panorama and tile."""

    name = "mean-colour"
    title = "Mean colour"

    def build(self):
        network = nn.Linear(3, 8)
        network.scale = nn.Parameter(torch.tensor(2.0))
        return network

    def prepare(self, image, view):
        return torch.from_numpy(image.reshape(-1, 3).mean(axis=0) / 255 - 0.5).float()

    def prepare_pair(self, pair, generator):
        noise = torch.from_numpy(generator.normal(0, 0.01, 3)).float()
        return {
            "query": self.prepare(pair.query, "query") + noise,
            "reference": self.prepare(pair.reference, "reference"),
        }

    def embed(self, network, images, view):
        return network(images)

    def represent(self, network, batch):
        return {view: network(batch[view]) for view in ("query", "reference")}

    def criterion(self, network, outputs, context):
        return {"info_nce": symmetric_info_nce(outputs["query"], outputs["reference"], network.scale)}


def _log_rank(outcome):
    return np.log1p(outcome.ranking.rank)


@pytest.fixture
def run(noise_world, tmp_path, monkeypatch):
    """Return a function that runs the command line with MeanColour offered by a plugin."""
    plugin = SimpleNamespace(
        __name__="colours",
        cvgl_methods=hookimpl(lambda: [MeanColour]),
        cvgl_metrics=hookimpl(lambda: [Metric(id="log_rank", per_query=_log_rank, higher_is_better=False)]),
    )
    load = cvgl_bench.plugins.load_plugins
    monkeypatch.setattr(cvgl_bench.plugins, "load_plugins", lambda: load([], extra=[plugin]))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, command="run", method="mean-colour", split="cross", world=noise_world):
        card, root = world
        line = [command, "--method", method, "--dataset", str(card), "--split", split]
        line += ["--data-root", str(root), *QUICK, *arguments]
        return CliRunner().invoke(cli, line)

    return run


@pytest.fixture
def make_outcome():
    """Return a function that makes an outcome from the ranks of the truths; the rest is plausible."""
    from cvgl_bench.ranking.outcome import Outcome, Ranking

    def make(rank, *, references=1000, **given) -> Outcome:
        rank = np.asarray(rank, np.int64)
        count = len(rank)
        truth = np.asarray(given.pop("truth", np.arange(count) % references))
        best = np.where(rank == 0, truth, (truth + 1) % references)
        columns = {
            "distance_m": np.where(rank == 0, 10.0, 500.0),
            "decentrality": np.linspace(0, 1, count),
            "city": np.where(np.arange(count) % 2 == 0, "Aa", "Bb"),
            "covers": np.full((count, 3), -1),
            "reference_count": references,
            "extra": {},
            **given,
        }
        top_rows = np.stack([best, (truth + 2) % references], axis=1)
        top_scores = np.tile(np.float32([0.9, 0.8]), (count, 1))
        ranking = Ranking(rank, np.zeros(count, np.int64), rank, top_rows, top_scores)
        return Outcome(ranking=ranking, truth=truth, **columns)

    return make


@pytest.fixture
def write_run(make_outcome, tmp_path):
    """Return a function that writes a run folder with its record and outcome."""
    from cvgl_bench.scoring.metrics import METRICS
    from cvgl_bench.scoring.results import MethodRecord, Result, TaskRecord, write_result
    from cvgl_bench.scoring.statistics import summarise

    truth = np.random.default_rng(0).integers(120, size=240)
    hardness = np.random.default_rng(1).random(240)

    def write(method, seed=1, *, share=0.5, fingerprint="f" * 64, folder=None, variant="none", **options):
        noise = 0.05 * np.random.default_rng(seed).standard_normal(240)
        wrong = hardness + noise > share
        distance_m = np.where(wrong, 100 + 400 * hardness, 20 * hardness)
        border_m = np.linspace(0, 30, 240)
        outcome = make_outcome(wrong.astype(int), truth=truth, distance_m=distance_m, border_m=border_m)
        path = tmp_path / (folder or f"{method}-{seed}")
        path.mkdir()
        outcome.save(path / "outcome.parquet")
        task = TaskRecord(
            dataset="mini",
            split="cross",
            cities=["Aa", "Bb"],
            query_count=240,
            reference_count=1000,
            fingerprint=fingerprint,
            train_fingerprint="e" * 64,
            variant=variant,
        )
        result = Result(
            id=path.name,
            origin="measured",
            created="2026-01-01T00:00:00Z",
            task=task,
            method=MethodRecord(name=method, title=method.upper()),
            metrics=summarise(outcome, METRICS, edges=(0.0, 0.5, 1.0)),
            options={
                "training": {"seed": seed, "epochs": 3},
                "method": options,
                "machine": {"workers": seed},
            },
        )
        write_result(result, path / "result.json")
        return path

    return write
