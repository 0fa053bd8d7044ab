"""What every option of the optimiser, its rate and its gradient changes."""

import math
import random

import numpy as np
import pytest
import torch
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3
from torch import nn

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.schedule import Schedule

from .conftest import Probe, Recorded

QUICK = {"epochs": 1, "batch_size": 4, "sampling": "random", "warmup_epochs": 0.0, "learning_rate": 0.01}


def trained(split, method=None, **options):
    return Recorded(split, method, **QUICK | options).run()


class Given(Probe):
    """Has a gradient that does not depend on the weights: `SLOPES` for the first layer, nothing else."""

    SLOPES = torch.linspace(-2, 3, 24).reshape(8, 3)

    def criterion(self, network, outputs, context):
        idle = sum(parameter.sum() for parameter in network.parameters()) * 0.0
        return {"given": (network[0].weight * self.SLOPES).sum() + idle}


def first_change(split, **options):
    """Return how the first layer's weights change in the first step by the gradient `Given.SLOPES`."""
    run = Recorded(split, Given(), **QUICK | {"weight_decay": 0.0, "learning_rate": 1.0} | options)
    before = run.state.network[0].weight.detach().clone()
    return run.run().steps[0].weights["0.weight"] - before


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "lion", "lamb"])
def test_optimizer__is_what_timm_makes_of_the_name(train_split, name):
    """Four steps by the gradients that the loop left, taken again by timm's own factory."""
    settings = {"optimizer": name, "schedule": "constant", "clip_value": None}
    run = Recorded(train_split, **QUICK | settings)
    twin = run.method.build()
    twin.load_state_dict(run.state.network.state_dict())
    theirs = create_optimizer_v2([*twin.parameters()], name, lr=0.01, weight_decay=0.01)

    def step(run):
        if len(run.steps) == 1 + len(done) and not done.append(None):
            for mine, other in zip(run.state.network.parameters(), twin.parameters(), strict=True):
                other.grad = mine.grad.clone()
            theirs.step()

    done = []
    run.run(step)
    assert len(done) == 4
    for key, tensor in twin.state_dict().items():
        assert torch.equal(tensor, run.steps[-1].weights[key]), key


def test_momentum__is_the_share_of_the_last_direction_that_is_kept(train_split):
    """Heavy ball: after equal gradients the second step is 1 + momentum times the first."""
    for momentum in (0.0, 0.5):
        settings = {"optimizer": "momentum", "momentum": momentum, "schedule": "constant"}
        run = Recorded(train_split, Given(), **QUICK | {"weight_decay": 0.0} | settings)
        at = [run.state.network[0].weight.detach().clone()]
        at += [step.weights["0.weight"] for step in run.run().steps[:2]]
        torch.testing.assert_close(at[2] - at[1], (1 + momentum) * (at[1] - at[0]), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("rule", "expected"), [("none", 0.4), ("linear", 0.1), ("sqrt", 0.2)])
def test_scale_rate__is_how_the_rate_follows_the_batch(train_split, rule, expected):
    """A quarter of the published batch."""
    settings = {"learning_rate": 0.4, "published_batch_size": 16, "schedule": "constant"}
    run = trained(train_split, scale_rate=rule, **settings)
    assert run.rates == pytest.approx([expected] * 4)


def test_scale_rate__needs_the_published_batch():
    with pytest.raises(OptionError, match="scale_rate is linear, but no recipe says with which batch"):
        TrainingOptions(scale_rate="linear")


def test_published_batch_size__changes_nothing_by_itself(train_split):
    assert trained(train_split, published_batch_size=64).rates == trained(train_split).rates
    double, half = (
        trained(train_split, scale_rate="linear", published_batch_size=size).rates for size in (2, 8)
    )
    assert double == pytest.approx([4 * rate for rate in half])


@pytest.mark.parametrize(("rule", "still"), [("all", set()), ("matrices", {"0.bias", "2.bias", "unused"})])
def test_decay_on__decides_what_decays(train_split, rule, still):
    """Nothing has a gradient, so that decay alone changes it; the temperature is one number too."""

    class Idle(Probe):
        def criterion(self, network, outputs, context):
            return {"idle": sum(parameter.sum() for parameter in network.parameters()) * 0.0}

    run = Recorded(train_split, Idle(), **QUICK | {"decay_on": rule, "weight_decay": 0.5})
    before = {name: tensor.clone() for name, tensor in run.state.network.state_dict().items()}
    after = run.run().steps[-1].weights
    unmoved = {name for name, tensor in before.items() if torch.equal(tensor, after[name])}
    assert unmoved == (still | {"scale"} if still else set())


def test_decay_on__matrices_spares_what_a_part_of_the_network_names(train_split):
    class Part(nn.Linear):
        def no_weight_decay(self):
            return {"weight"}

    class Sparing(Probe):
        def build(self):
            network = super().build()
            network[2] = Part(8, 8)
            return network

    run = Recorded(train_split, Sparing(), **QUICK | {"decay_on": "matrices"})
    groups, network = run.state.optimizer.param_groups, run.state.network
    decays = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert decays[id(network[0].weight)] == 0.01 and decays[id(network[2].weight)] == 0.0


FORMS = {
    "cosine": {},
    "poly": {"schedule_power": 2.0},
    "step": {"schedule_every": 1, "schedule_factor": 0.5},
    "constant": {},
}


@pytest.mark.parametrize("form", FORMS)
def test_schedule__is_the_form_of_the_fall(train_split, form):
    settings = {"epochs": 3, "warmup_epochs": 0.5, "learning_rate": 1.0}
    found = trained(train_split, schedule=form, **settings, **FORMS[form]).rates
    expected = Schedule(form, warmup_steps=2, total_steps=12, power=2.0, every_steps=4, factor=0.5)
    assert found == [expected.at(step) for step in range(12)]


def test_schedule_end__is_what_the_rate_ends_above(train_split):
    settings = {"epochs": 3, "learning_rate": 1.0}
    assert min(trained(train_split, schedule_end=0.25, **settings).rates) > 0.25
    assert min(trained(train_split, **settings).rates) < 0.1


def test_schedule_power__bends_the_fall(train_split):
    line, bent = (trained(train_split, schedule="poly", schedule_power=power).rates for power in (1.0, 2.0))
    assert line == pytest.approx([0.01, 0.0075, 0.005, 0.0025])
    assert bent == pytest.approx([0.01 * (rate / 0.01) ** 2 for rate in line])


def test_schedule_every__is_how_many_epochs_keep_their_rate(train_split):
    settings = {"schedule": "step", "epochs": 4, "learning_rate": 1.0, "schedule_factor": 0.5}
    assert trained(train_split, schedule_every=2, **settings).rates == [1.0] * 8 + [0.5] * 8
    assert len(set(trained(train_split, schedule_every=1, **settings).rates)) == 4


def test_schedule_factor__is_how_far_the_rate_falls(train_split):
    settings = {"schedule": "step", "schedule_every": 1, "epochs": 2, "learning_rate": 1.0}
    for factor in (0.5, 0.1):
        assert trained(train_split, schedule_factor=factor, **settings).rates == [1.0] * 4 + [factor] * 4


def test_clip_norm__is_how_long_the_gradient_may_be(train_split):
    """A step of plain SGD at rate one is the clipped gradient."""
    settings = {"optimizer": "momentum", "clip_value": None}
    free = first_change(train_split, **settings)
    torch.testing.assert_close(free, -Given.SLOPES)
    clipped = first_change(train_split, clip_norm=0.5, **settings)
    assert clipped.norm() == pytest.approx(0.5, rel=1e-4)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm(), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(first_change(train_split, clip_norm=1e3, **settings), free)


def test_clip_norm__counts_what_clip_value_leaves(train_split):
    settings = {"optimizer": "momentum", "clip_value": 1.0, "clip_norm": 2.0}
    bounded = -Given.SLOPES.clamp(-1, 1)
    expected = bounded * 2.0 / bounded.norm()
    torch.testing.assert_close(first_change(train_split, **settings), expected, rtol=1e-4, atol=1e-5)


class Drawing(Probe):
    """Draws from every generator, and keeps running statistics, which a second pass must not see twice."""

    def build(self):
        random.seed(0)
        np.random.seed(0)
        network = super().build()
        network[1] = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.25))
        return network

    def criterion(self, network, outputs, context):
        noise = torch.rand(()) + np.random.rand() + random.random()
        return {**super().criterion(network, outputs, context), "noise": 0.1 * noise * network.scale.square()}


def plain_sharp_step(split, kind, rho, chunk):
    """Return the weights after a step of SGD by the sharp gradient, and the step by the usual one."""
    run = Recorded(split, Drawing(), **SHARP | {"chunk": chunk})
    network, gradients = run.state.network, []
    own = {name: p.detach().clone() for name, p in network.named_parameters()}
    run.run(lambda run: gradients.append({n: p.grad.clone() for n, p in network.named_parameters()}))
    first = gradients[0]
    units = {
        name: own[name].abs() + 0.01 if kind == "asam" and name.endswith("weight") else torch.ones(())
        for name in own
    }
    norm = math.sqrt(sum(float((units[name] * first[name]).square().sum()) for name in own))
    # The same run from the worst weights nearby.
    again = Recorded(split, Drawing(), **SHARP | {"chunk": chunk})
    with torch.no_grad():
        for name, parameter in again.state.network.named_parameters():
            parameter += rho * units[name] ** 2 * first[name] / norm
    seen = []
    again.run(lambda run: seen.append({n: p.grad.clone() for n, p in run.state.network.named_parameters()}))
    return {name: own[name] - 0.1 * seen[0][name] for name in own}, run.steps[0]


SHARP = QUICK | {"optimizer": "momentum", "schedule": "constant", "learning_rate": 0.1, "weight_decay": 0.0}
SHARP |= {"clip_value": None}


@pytest.mark.parametrize(("chunk", "precision"), [("auto", "off"), ("auto", "fp16"), (2, "off")])
@pytest.mark.parametrize(("kind", "rho"), [("sam", 0.05), ("asam", 0.5)])
def test_sharpness__steps_by_the_worst_gradient_nearby(train_split, kind, rho, chunk, precision):
    """What is logged and what running statistics see are the first pass; half precision is only close.

    Two pairs that are normalised over each other come out far from each other by any rounding.
    """
    settings = SHARP | {"sharpness": kind, "rho": rho, "chunk": chunk, "mixed_precision": precision}
    step = Recorded(train_split, Drawing(), **settings).run().steps[0]
    weights, plain = plain_sharp_step(train_split, kind, rho, chunk)
    near = {"rtol": 1e-4, "atol": 1e-6} if precision == "off" else {"rtol": 0.05, "atol": 0.01}
    for name, expected in weights.items():
        torch.testing.assert_close(step.weights[name], expected, **near)
    buffers = {name for name in step.weights if name not in weights}
    assert any("running_mean" in name for name in buffers)
    if precision == "off":
        assert step.sums == plain.sums
        assert all(torch.equal(step.weights[name], plain.weights[name]) for name in buffers)


def test_sharpness__skips_a_step_that_overflows_in_half_precision(train_split):
    """With the weights back at their own place, although what lay nearby was not finite."""

    class Overflowing(Probe):
        def criterion(self, network, outputs, context):
            terms = super().criterion(network, outputs, context)
            return {**terms, "huge": network.scale * (1e37 if context.step == 1 else 0.0)}

    settings = SHARP | {"sharpness": "sam", "mixed_precision": "fp16"}
    run = Recorded(train_split, Overflowing(), **settings).run()
    first, second, third, _ = (step.weights["0.weight"] for step in run.steps)
    assert torch.equal(first, second) and not torch.equal(second, third)
    assert run.scales == [1024, 512, 512, 512]


def test_rho__is_how_far_away_the_gradient_is_taken(train_split):
    """At distance zero it is the gradient at hand."""
    plain = Recorded(train_split, **SHARP).run().steps[0].weights["0.weight"]
    near, far = (
        Recorded(train_split, **SHARP, sharpness="sam", rho=rho).run().steps[0].weights["0.weight"]
        for rho in (0.0, 0.5)
    )
    torch.testing.assert_close(near, plain, rtol=1e-5, atol=1e-7)
    assert float((far - plain).abs().max()) > 1e-4


def test_ema_decay__is_what_the_average_keeps_of_itself(train_split):
    """timm's own average of the same weights; the first step's weights are where it begins."""
    run = Recorded(train_split, Drawing(), **QUICK | {"ema_decay": 0.7})
    theirs = ModelEmaV3(run.state.network, decay=0.7)

    def update(run):
        if len(run.steps) > len(done):
            done.append(theirs.update(run.state.network, step=len(run.steps)))

    done = []
    run.run(update)
    average, network = run.state.evaluated.state_dict(), run.state.network.state_dict()
    for name, tensor in theirs.module.state_dict().items():
        assert torch.equal(average[name], tensor), name
    kept = run.steps[0].weights["0.weight"]
    for step in run.steps[1:]:
        kept = 0.7 * kept + 0.3 * step.weights["0.weight"]
    torch.testing.assert_close(average["0.weight"], kept)
    assert not torch.equal(average["0.weight"], network["0.weight"])
    without = trained(train_split, Drawing())
    assert without.state.evaluated is without.state.network
    assert torch.equal(without.state.network[0].weight, run.state.network[0].weight), "training is the same"


def test_learning_rate__is_how_far_the_first_step_goes(train_split):
    """AdamW's first step is the rate times the gradient's sign, but for elements near zero."""

    def step_length(rate):
        run = Recorded(train_split, **QUICK | {"learning_rate": rate, "weight_decay": 0.0})
        before = run.state.network[0].weight.detach().clone()
        return (run.run().steps[0].weights["0.weight"] - before).abs().median()

    assert step_length(0.01) == pytest.approx(0.01, rel=1e-3)
    assert step_length(0.03) == pytest.approx(0.03, rel=1e-3)
    assert step_length(0.0) == 0.0


def test_weight_decay__shrinks_what_no_gradient_moves_by_rate_times_decay(train_split):
    run = trained(train_split, weight_decay=0.5)
    expected = 4.0 * np.prod([1 - 0.5 * rate for rate in run.rates])
    assert run.steps[-1].weights["unused"].item() == pytest.approx(expected, rel=1e-6)
    assert trained(train_split, weight_decay=0.0).steps[-1].weights["unused"].item() == 4.0


def test_warmup_epochs__is_how_long_the_rate_rises(train_split):
    """Four steps an epoch; over the rest half a cosine."""
    fall = [0.5 + 0.25 * math.sqrt(2), 0.5, 0.5 - 0.25 * math.sqrt(2)]
    warm = trained(train_split, epochs=2, warmup_epochs=1.0, learning_rate=1.0).rates
    assert warm == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, *fall])
    assert trained(train_split, warmup_epochs=0.0, learning_rate=1.0).rates == pytest.approx([1.0, *fall])
    half = trained(train_split, epochs=2, warmup_epochs=0.5, learning_rate=1.0).rates
    assert half[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_clip_value__bounds_every_element_of_the_gradient(train_split):
    """AdamW's average after its first step is a tenth of the gradient."""

    def largest_gradient(bound):
        run = Recorded(train_split, **QUICK | {"clip_value": bound})
        found = []

        def after_first_step(run):
            if not found:
                slots = run.state.optimizer.state.values()
                found.append(max(float(slot["exp_avg"].abs().max()) for slot in slots) / (1 - 0.9))

        run.run(after_first_step)
        return found[0]

    free = largest_gradient(100.0)
    assert free > 0.02
    assert largest_gradient(0.01) == pytest.approx(0.01, rel=1e-4)
    assert largest_gradient(free / 2) == pytest.approx(free / 2, rel=1e-4)
