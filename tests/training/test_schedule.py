"""The factor on the learning rate, against timm's schedules where they have the form."""

import math

import pytest
import torch
from timm.scheduler import CosineLRScheduler, PolyLRScheduler, StepLRScheduler

from cvgl_bench.training.schedule import Schedule

TOTAL = 100


def factors(form="cosine", *, total=TOTAL, warmup=0.0, **settings):
    schedule = Schedule(form, warmup_steps=warmup, total_steps=total, **settings)
    return [schedule.at(step) for step in range(total)]


def of_timm(kind, **settings):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, found = kind(optimizer, t_in_epochs=False, **settings), []
    for step in range(TOTAL):
        schedule.step_update(step)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_it_rises_to_the_peak_and_falls_to_nearly_nothing():
    found = factors(warmup=10)
    assert found[:10] == sorted(found[:10])
    assert found[10] == pytest.approx(1.0)
    assert found[10:] == sorted(found[10:], reverse=True)
    assert 0 < found[-1] < 0.001


def test_half_way_through_the_cosine_the_rate_is_half():
    assert factors(warmup=10)[55] == pytest.approx(0.5)


@pytest.mark.parametrize("form", ["cosine", "poly", "constant"])
def test_no_warmup_starts_at_the_peak_and_a_run_of_warmup_alone_never_falls(form):
    assert factors(form)[0] == 1.0
    alone = factors(form, total=5, warmup=5)
    assert alone == sorted(alone) and max(alone) <= 1.0


@pytest.mark.parametrize("end", [0.0, 0.2])
def test_cosine_poly_and_step_are_those_of_timm(end):
    assert factors("cosine", end=end) == pytest.approx(
        of_timm(CosineLRScheduler, t_initial=TOTAL, lr_min=end)
    )
    for power in (0.5, 1.0, 2.0):
        theirs = of_timm(PolyLRScheduler, t_initial=TOTAL, lr_min=end, power=power)
        assert factors("poly", end=end, power=power) == pytest.approx(theirs)
    theirs = of_timm(StepLRScheduler, decay_t=30, decay_rate=0.1)
    assert factors("step", every_steps=30, factor=0.1) == pytest.approx(theirs)


def test_no_form_falls_below_its_end():
    for form in ("cosine", "poly", "step"):
        assert min(factors(form, end=0.3, every_steps=30, factor=0.1, warmup=1.0)) >= 0.3 - 1e-12
    assert set(factors("constant", end=0.3)) == {1.0}


def test_after_the_warm_up_the_fall_takes_what_is_left():
    found = factors("poly", warmup=20)
    assert found[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert found[60] == pytest.approx(0.5)
    assert math.isclose(found[99], 1 / 80)
