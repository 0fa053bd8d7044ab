"""The images that a method gets: as stored, or no larger than it needs."""

import dataclasses
import signal

import pytest
import torch

from cvgl_bench.data import cards, layouts
from cvgl_bench.data.loading import Loader, TrainingPairs, ViewImages, choose_workers
from cvgl_bench.data.variants import Variant
from cvgl_bench.plugins import load_plugins

from ..conftest import TILE_PX, MeanColour

LEAST = {"query": (5, 9), "reference": (7, 7)}


class Sized(MeanColour):
    """Answers the size of what it was given."""

    def least_size(self, view):
        return LEAST[view]

    def prepare(self, image, view):
        return torch.tensor(image.shape[:2])

    def prepare_pair(self, pair, generator):
        x, y = pair.position_px
        return {
            "query": torch.tensor(pair.query.shape[:2]),
            "reference": torch.tensor(pair.reference.shape[:2]),
            "position": torch.tensor([x / pair.reference.shape[1], y / pair.reference.shape[0]]),
            "width_m": torch.tensor(pair.m_per_px * pair.reference.shape[1]),
        }


@pytest.fixture
def split(noise_world):
    path, root = noise_world
    known = load_plugins([]).layouts
    return layouts.read_task(cards.read_card(path), "same", root, layouts=known).test


@pytest.mark.parametrize("view", ["query", "reference"])
def test_scaled_images_are_no_larger_than_needed_and_exact_ones_are_as_stored(split, view):
    stored = TILE_PX, TILE_PX * (2 if view == "query" else 1)
    assert tuple(ViewImages(Sized(None), split, view)[0].tolist()) == stored
    height, width = ViewImages(Sized(None), split, view, decode="scaled")[0].tolist()
    least = LEAST[view]
    assert least[0] <= height < stored[0] and least[1] <= width < stored[1]
    assert width * stored[0] == height * stored[1]


def test_a_method_that_does_not_say_what_it_needs_gets_images_as_stored(split):
    class Unsized(Sized):
        def least_size(self, view):
            return MeanColour.least_size(self, view)

    whole = ViewImages(Unsized(None), split, "query", decode="scaled")[0]
    assert tuple(whole.tolist()) == (TILE_PX, 2 * TILE_PX)


def test_positions_and_metres_fit_the_scaled_tile(split):
    exact, scaled = (
        TrainingPairs(Sized(None), split, seed=1, decode=how)[1, 3] for how in ("exact", "scaled")
    )
    assert scaled["reference"][0] < exact["reference"][0] and scaled["query"][0] < exact["query"][0]
    assert torch.allclose(scaled["position"], exact["position"])
    assert torch.allclose(scaled["width_m"], exact["width_m"])


def test_variants_see_queries_as_stored(split):
    turned = dataclasses.replace(split, variant=Variant("fov", 180))
    assert ViewImages(Sized(None), turned, "query", decode="scaled")[0].tolist() == [TILE_PX, 2 * TILE_PX]


@pytest.mark.parametrize(
    ("device", "cores", "sharing", "expected"),
    [("cpu", 2, 1, 1), ("cpu", 1, 1, 1), ("cpu", 8, 2, 2), ("cuda", 16, 1, 8), ("cuda", 16, 4, 4)],
)
def test_workers_leave_the_network_its_share_of_the_cores(monkeypatch, device, cores, sharing, expected):
    monkeypatch.setattr("multiprocessing.cpu_count", lambda: cores)
    assert choose_workers(None, torch.device(device), sharing=sharing) == expected
    assert choose_workers(3, torch.device(device), sharing=sharing) == 3


class Signals(torch.utils.data.Dataset):
    """What the process that reads an item does about the signals that end a job."""

    def __len__(self):
        return 1

    def __getitem__(self, row):
        return torch.tensor(
            [signal.getsignal(each) == signal.SIG_IGN for each in (signal.SIGINT, signal.SIGTERM)]
        )


def test_a_job_that_is_ended_leaves_its_workers_to_the_run():
    (ignored,) = Loader(Signals(), workers=1, device=torch.device("cpu"), batch_size=1)
    assert ignored.tolist() == [[True, True]]
