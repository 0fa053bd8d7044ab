"""A small training split, and a method that shows what the loop did in every step."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from cvgl_bench.data import cards, layouts
from cvgl_bench.plugins import load_plugins
from cvgl_bench.training.loop import start, train
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.setting import Setting

from ..conftest import MeanColour


class Probe(MeanColour):
    """Learns by a network that dropout makes sensitive to its mode, from two loss terms.

    `unused` gets a gradient of zero, so that weight decay alone changes it. `batches` lists the rows of
    every batch that reached the loss, `seen` its queries, `dtypes` the type that the network answered in.
    """

    name = "probe"
    title = "Probe"

    def __init__(self):
        super().__init__(None)
        self.batches, self.dtypes, self.seen, self.contexts = [], [], [], []

    def build(self):
        network = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.25), nn.Linear(8, 8))
        network.scale = nn.Parameter(torch.tensor(2.0))
        network.unused = nn.Parameter(torch.tensor(4.0))
        return network

    def represent(self, network, batch):
        handed_on = {"row": batch["pair.row"], "image": batch["query"]}
        return super().represent(network, batch) | handed_on

    def criterion(self, network, outputs, context):
        self.batches.append(outputs["row"].tolist())
        self.seen.append(outputs["image"])
        self.dtypes.append(outputs["query"].dtype)
        self.contexts.append(context)
        size = network[0].weight.square().sum() + network[2].weight.square().sum()
        terms = super().criterion(network, outputs, context)
        return {**terms, "size": 0.01 * size, "idle": 0.0 * network.unused}


@dataclass
class Step:
    """What one step left behind: sums of the epoch's losses so far, learning rate, weights."""

    sums: dict[str, float]
    rate: float
    weights: dict[str, torch.Tensor]


class Recorded:
    """A training run in memory and what each of its steps left behind."""

    def __init__(self, split, method=None, *, log_every=3, **options):
        self.method = method or Probe()
        self.split, self.options = split, TrainingOptions(**options)
        self.said, self.steps, self.epochs, self.scales, self.measured = [], [], [], [], []
        self.setting = Setting(
            self.method,
            split,
            self.options,
            torch.device("cpu"),
            workers=0,
            log_every=log_every,
            say=self.said.append,
        )
        torch.manual_seed(self.options.seed)
        self.state = start(self.setting, self.method.build())

    def run(self, after=lambda run: None):
        """Train to the end; `after(self)` is called after every step and may stop it by raising."""

        def on_advance(stop):
            if self.state.batch:
                self.steps.append(step_of(self.state))
                self.scales.append(self.state.scaler.get_scale())
            after(self)

        train(
            self.setting,
            self.state,
            on_advance=on_advance,
            on_epoch=lambda losses, seconds: self.epochs.append(losses),
            on_measured=self.measured.append,
        )
        return self

    @property
    def rates(self):
        """The learning rate of every step."""
        return [step.rate for step in self.steps]


def step_of(state):
    """Return what the last step of a training state left behind."""
    weights = {name: tensor.clone() for name, tensor in state.network.state_dict().items()}
    sums = {name: float(value) for name, value in state.sums.items()}
    return Step(sums, state.optimizer.param_groups[0]["lr"], weights)


def assert_same_steps(found, expected):
    """Assert that two lists of steps are equal to the bit."""
    assert len(found) == len(expected)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one.sums == other.sums, f"losses of step {number}"
        assert one.rate == other.rate, f"learning rate of step {number}"
        for name, weight in one.weights.items():
            assert torch.equal(weight, other.weights[name]), f"{name} after step {number}"


def task_of(world, split):
    """Return the task of a noise world's split."""
    card, root = world
    return layouts.read_task(cards.read_card(card), split, root, layouts=load_plugins([]).layouts)


@pytest.fixture(scope="session", autouse=True)
def one_thread(two_threads):
    """The networks of these tests are too small to share among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def task(noise_world):
    """The cross-area task of the noise world: its training split has two queries for each of nine tiles."""
    return task_of(noise_world, "cross")


@pytest.fixture
def train_split(task):
    """Eighteen pairs of nine tiles, with three covers each."""
    return task.train
