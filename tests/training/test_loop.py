"""Every step of the loop against the whole of training written down plainly, to the bit."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from cvgl_bench.method import Context, Pair
from cvgl_bench.training.sampling import gps_neighbours, neighbour_batches, random_batches
from cvgl_bench.training.selection import hold_out

from .conftest import Probe, Recorded, Step, assert_same_steps

SETTINGS = {
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 0.05,
    "weight_decay": 0.3,
    "warmup_epochs": 1.0,
    "clip_value": 0.02,
    "mine_every": 0,
    "seed": 3,
}
"""Strong decay and clipping, so that a step without them differs."""

FP16_SCALE = 1024.0
"""What half precision multiplies its gradients by in the first steps."""


class PlainLoop:
    """Training by torch.optim.AdamW, without any part of the loop under test but the sampling functions."""

    def __init__(self, split, options):
        self.split, self.options, self.method = split, options, Probe()
        torch.manual_seed(options.seed)
        self.network = self.method.build()
        self.half = options.mixed_precision == "fp16"
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=1.0, weight_decay=options.weight_decay
        )
        self.neighbours = gps_neighbours(
            split.queries[["lat", "lon"]].to_numpy(),
            split.references[["lat", "lon"]].to_numpy(),
            truth=split.truth,
            pool=options.neighbour_pool,
        )
        self.clipped_shares = []

    def run(self):
        """Return what every step leaves behind."""
        options, steps = self.options, []
        for epoch in range(1, options.epochs + 1):
            if options.mine_every and epoch > 1 and epoch % options.mine_every == 1 % options.mine_every:
                self.neighbours = self.most_similar()
            batches, sums = self.batches(epoch), {}
            total, warm = options.epochs * len(batches), options.warmup_epochs * len(batches)
            self.network.train()
            for rows in batches:
                number = len(steps)
                if number < warm:
                    rate = options.learning_rate * ((number + 1) / (warm + 1))
                else:
                    angle = math.pi * ((number - warm) / (total - warm))
                    rate = options.learning_rate * (0.5 * (1 + math.cos(angle)))
                self.context = Context(number, options.epochs * len(batches), epoch - 1, options.epochs)
                terms = self.step(self.examples(epoch, rows), rate)
                for name, term in terms.items():
                    sums[name] = sums.get(name, torch.tensor(0.0)) + term.detach().float()
                weights = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
                steps.append(Step({name: float(value) for name, value in sums.items()}, rate, weights))
        return steps

    def batches(self, epoch):
        options, truth = self.options, self.split.truth
        generator = np.random.default_rng([options.seed, epoch])
        avoid = self.split.covers if options.keep_covers_apart else None
        if options.sampling == "random":
            return random_batches(truth, options.batch_size, generator=generator, avoid=avoid)
        return neighbour_batches(
            self.neighbours,
            truth,
            batch_size=options.batch_size,
            select=options.neighbour_select,
            generator=generator,
            avoid=avoid,
        )

    def images(self, row):
        split = self.split
        paths = split.queries["path"][row], split.references["path"][split.truth[row]]
        return [np.asarray(Image.open(split.root / path)) for path in paths]

    def examples(self, epoch, rows):
        seed, method, position_px = self.options.seed, self.method, self.split.position_px
        examples = [
            method.prepare_pair(
                Pair(*self.images(row), tuple(position_px[row])), np.random.default_rng([seed, epoch, row])
            )
            for row in rows
        ]
        batch = {name: torch.stack([example[name] for example in examples]) for name in examples[0]}
        return batch | {"pair.row": torch.from_numpy(rows)}

    def step(self, batch, rate):
        network, bound = self.network, self.options.clip_value
        for parameter in network.parameters():
            parameter.grad = None
        with torch.autocast("cpu", torch.float16, enabled=self.half):
            outputs = self.method.represent(network, batch)
            terms = self.method.criterion(network, outputs, self.context)
        (sum(terms.values()) * (FP16_SCALE if self.half else 1.0)).backward()
        clipped = []
        for parameter in network.parameters():
            gradient = parameter.grad / (FP16_SCALE if self.half else 1.0)
            clipped.append((gradient.abs() > bound).flatten())
            parameter.grad = gradient.clamp(-bound, bound)
        self.clipped_shares.append(float(torch.cat(clipped).float().mean()))
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        return terms

    def most_similar(self):
        """Return the nearest other references of every query by the whole matrix of similarities."""
        split, network = self.split, self.network.eval()
        used = np.unique(split.truth)
        with torch.inference_mode():
            queries = torch.stack(
                [self.method.prepare(self.images(row)[0], "query") for row in range(len(split))]
            )
            references = torch.stack(
                [
                    self.method.prepare(np.asarray(Image.open(split.root / path)), "reference")
                    for path in split.references["path"].iloc[used]
                ]
            )
            queries, references = (torch.nn.functional.normalize(network(x)) for x in (queries, references))
            similarity = (queries @ references.T).numpy()
        similarity[used == split.truth[:, None]] = -np.inf
        order = np.argsort(-similarity, axis=1, kind="stable")[
            :, : min(self.options.neighbour_pool, len(used) - 1)
        ]
        return used[order]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"sampling": "random"}, id="random"),
        pytest.param({"sampling": "random", "warmup_epochs": 0.4, "epochs": 3}, id="short-warm-up"),
        pytest.param({"neighbour_pool": 3, "neighbour_select": 2}, id="neighbours"),
        pytest.param({"keep_covers_apart": True, "batch_size": 2}, id="covers-apart"),
        pytest.param({"mine_every": 2, "epochs": 4, "neighbour_pool": 3, "neighbour_select": 2}, id="mined"),
        pytest.param({"sampling": "random", "mixed_precision": "fp16"}, id="fp16"),
    ],
)
def test_losses_rates_and_weights_are_those_of_a_plain_loop(train_split, settings):
    run = Recorded(train_split, **SETTINGS | settings).run()
    plain = PlainLoop(train_split, run.options)
    expected = plain.run()
    assert len(expected) >= 6
    assert all(0 < share < 1 for share in plain.clipped_shares), "clipping must matter, and not alone"
    assert_same_steps(run.steps, expected)
    assert run.method.batches == plain.method.batches
    assert run.method.contexts == plain.method.contexts


@pytest.mark.parametrize("held_out", [False, True])
def test_neighbours_that_are_mined_are_those_of_the_whole_matrix(train_split, held_out):
    """With references that no training query shows, too, which are no neighbours."""
    if held_out:
        train_split, _ = hold_out(train_split, 0.3, seed=4)
        assert len(np.unique(train_split.truth)) < len(train_split.references)
    settings = SETTINGS | {"epochs": 3, "mine_every": 2, "neighbour_pool": 3, "neighbour_select": 2}
    run = Recorded(train_split, **settings).run()
    plain = PlainLoop(train_split, run.options)
    by_distance = plain.neighbours
    plain.run()
    assert np.array_equal(run.state.neighbours, plain.neighbours)
    assert not np.array_equal(run.state.neighbours, by_distance)
    assert [line.partition(":")[0].strip() for line in run.said] == ["mined for epoch 3"]


def test_an_epoch_reports_the_mean_of_every_term_and_of_their_sum(train_split):
    run = Recorded(train_split, **SETTINGS).run()
    for epoch, losses in enumerate(run.epochs, start=1):
        last = run.steps[4 * epoch - 1].sums
        means = {name: value / 4 for name, value in last.items()}
        assert losses == pytest.approx({**means, "total": sum(means.values())})


class Overflowing(Probe):
    """Has gradients beyond float32 once they are scaled, in the second step alone."""

    def criterion(self, network, outputs, context):
        terms = super().criterion(network, outputs, context)
        return {**terms, "huge": network.scale * (1e37 if len(self.batches) == 2 else 0.0)}


def test_half_precision_skips_a_step_that_overflows_and_scales_less_from_then_on(train_split):
    settings = SETTINGS | {"sampling": "random", "mixed_precision": "fp16", "epochs": 1}
    run = Recorded(train_split, Overflowing(), **settings).run()
    first, second, third, _ = (step.weights["0.weight"] for step in run.steps)
    assert torch.equal(first, second) and not torch.equal(second, third)
    assert run.scales == [FP16_SCALE, FP16_SCALE / 2, FP16_SCALE / 2, FP16_SCALE / 2]
