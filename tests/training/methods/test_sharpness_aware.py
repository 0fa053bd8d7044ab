"""A method that is trained by adaptive sharpness-aware steps, which are options of the loop."""

import copy

import torch
from torch import nn

from cvgl_bench import Method, TrainableMethod
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.testing import check_method

RHO, ETA = 0.5, 0.01
ASAM = {"sharpness": "asam", "rho": RHO, "optimizer": "sgd", "clip_value": None, "clip_norm": 1.0}


class Flat(TrainableMethod):
    """Two layers with dropout between them; it remembers at which weights its loss was asked for."""

    name, title = "flat", "Flat"

    def __init__(self, options=None):
        super().__init__(options or Method.Options())
        self.asked = []

    def build(self):
        network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 8))
        network.log_scale = nn.Parameter(torch.tensor(2.0))
        return network

    def prepare(self, image, view):
        pixels = torch.from_numpy(image.reshape(-1, 3)) / 127.5 - 1
        return torch.cat([pixels.mean(dim=0), pixels.std(dim=0)])

    def embed(self, network, images, view):
        return network(images)

    def prepare_pair(self, pair, generator):
        images = {"query": pair.query, "reference": pair.reference}
        return {view: self.prepare(image, view) for view, image in images.items()}

    def represent(self, network, batch):
        return {view: network(batch[view]) for view in ("query", "reference")} | {"row": batch["pair.row"]}

    def criterion(self, network, outputs, context):
        loss = symmetric_info_nce(outputs["query"], outputs["reference"], network.log_scale)
        self.asked.append((copy.deepcopy(network.state_dict()), outputs["row"].tolist(), context.step))
        return {"info_nce": loss}


def test_it_keeps_the_contract():
    check_method(Flat)


def test_every_step_asks_for_the_loss_at_its_weights_and_at_the_distance_rho_of_them(trained):
    """The distance counts each weight in units of its own size, and biases as they are."""
    run = trained(Flat, **ASAM)
    asked = run.method.asked
    assert [step for _, _, step in asked] == [step for step in range(8) for _ in range(2)]
    for (own, rows, _), (worst, again, _) in zip(asked[::2], asked[1::2], strict=True):
        assert rows == again
        moved = {
            name: (worst[name] - tensor) / (tensor.abs() + ETA if "weight" in name else 1.0)
            for name, tensor in own.items()
        }
        distance = torch.cat([move.flatten() for move in moved.values()]).norm()
        torch.testing.assert_close(distance, torch.tensor(RHO), rtol=1e-3, atol=0.0)


def test_the_weights_a_step_begins_with_are_those_the_last_one_left(trained):
    """Nothing of the way to the worst weights stays."""
    run = trained(Flat, **ASAM)
    for (own, *_), step in zip(run.method.asked[2::2], run.steps, strict=False):
        assert all(torch.equal(tensor, step.weights[name]) for name, tensor in own.items())


def test_it_learns_and_not_as_plain_steps_do(trained):
    options = ASAM | {"epochs": 4}
    sharp, plain = trained(Flat, **options), trained(Flat, **options | {"sharpness": "none"})
    assert sharp.epochs[-1]["total"] < sharp.epochs[0]["total"]
    assert sharp.steps[0].sums == plain.steps[0].sums
    assert sharp.steps[1].sums != plain.steps[1].sums
