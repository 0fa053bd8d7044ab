"""A method that leaves the first blocks of its network alone and trains the rest by SGD at two rates."""

import torch
from torch import nn

from cvgl_bench import Method, ParameterGroup, TrainableMethod
from cvgl_bench.networks.losses import symmetric_info_nce
from cvgl_bench.testing import check_method

FROZEN_BLOCKS = 2
BODY_FACTOR = 0.1
RATE = 0.05


class FrozenBlocks(TrainableMethod):
    """Four blocks, of which the first two stand still and the others learn at a tenth of the head's rate."""

    name, title = "frozen-blocks", "Frozen blocks"

    def __init__(self, options=None):
        super().__init__(options or Method.Options())

    def build(self):
        widths = (3, 8, 8, 16, 16)
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(2, b), nn.GELU())
            for a, b in zip(widths, widths[1:], strict=False)
        ]
        network = nn.ModuleDict({"blocks": nn.Sequential(*blocks), "head": nn.Linear(16, 8)})
        network.log_scale = nn.Parameter(torch.tensor(2.0))
        return network

    def parameter_groups(self, network):
        first, last = network["blocks"][:FROZEN_BLOCKS], network["blocks"][FROZEN_BLOCKS:]
        return [
            ParameterGroup("first blocks", first.parameters(), frozen=True),
            ParameterGroup("last blocks", last.parameters(), rate_factor=BODY_FACTOR, weight_decay=0.0),
        ]

    def prepare(self, image, view):
        step = image.shape[0] // 8
        pixels = image[::step, :: step * (2 if view == "query" else 1)][:8, :8]
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1) / 127.5 - 1

    def embed(self, network, images, view):
        return network["head"](network["blocks"](images).mean(dim=(2, 3)))

    def prepare_pair(self, pair, generator):
        images = {"query": pair.query, "reference": pair.reference}
        return {view: self.prepare(image, view) for view, image in images.items()}

    def represent(self, network, batch):
        return {view: self.embed(network, batch[view], view) for view in ("query", "reference")}

    def criterion(self, network, outputs, context):
        return {"info_nce": symmetric_info_nce(outputs["query"], outputs["reference"], network.log_scale)}


SGD = {"optimizer": "momentum", "learning_rate": RATE, "weight_decay": 0.0, "clip_value": None}


def test_it_keeps_the_contract():
    check_method(FrozenBlocks)


def test_the_first_blocks_stand_still_and_the_rest_moves(trained):
    """Through an interruption too: the optimiser's momentum belongs to the right parameters."""
    initial = {}

    class Remembered(FrozenBlocks):
        def build(self):
            network = super().build()
            initial.update({name: tensor.clone() for name, tensor in network.state_dict().items()})
            return network

    run = trained(Remembered, **SGD)
    assert run.epochs[-1]["info_nce"] < run.epochs[0]["info_nce"]
    for name, tensor in run.state.network.state_dict().items():
        still = name.startswith(("blocks.0.", "blocks.1."))
        assert torch.equal(tensor, initial[name]) == still, name


def test_the_head_goes_ten_times_as_far_along_its_gradient(trained):
    """The first step of SGD is the rate times the gradient."""
    seen = []

    class Watched(FrozenBlocks):
        def after_step(self, network, outputs, context):
            with_gradient = {n: p for n, p in network.named_parameters() if p.grad is not None}
            seen.append({n: (p.clone(), p.grad.clone()) for n, p in with_gradient.items()})

    run = trained(Watched, **SGD | {"momentum": 0.0, "schedule": "constant", "warmup_epochs": 0.0})
    first, second = seen[:2]
    assert {name.split(".")[0] for name in first} == {"blocks", "head", "log_scale"}
    assert not [name for name in first if name.startswith(("blocks.0.", "blocks.1."))]
    for name, (after, gradient) in second.items():
        rate = RATE * (BODY_FACTOR if name.startswith("blocks.") else 1.0)
        torch.testing.assert_close(after, first[name][0] - rate * gradient, rtol=1e-5, atol=1e-7)
    rates = [group["lr"] for group in run.state.optimizer.param_groups]
    assert rates == [RATE * BODY_FACTOR, RATE]
