import pytest

from cvgl_bench.training.schedule import warmup_cosine


def factors(total, warmup):
    return [warmup_cosine(step, warmup_steps=warmup, total_steps=total) for step in range(total)]


def test_it_rises_to_the_peak_and_falls_to_nearly_nothing():
    found = factors(100, 10)
    assert found[:10] == sorted(found[:10])
    assert found[10] == pytest.approx(1.0)
    assert found[10:] == sorted(found[10:], reverse=True)
    assert 0 < found[-1] < 0.001


def test_half_way_through_the_cosine_the_rate_is_half():
    assert warmup_cosine(55, warmup_steps=10, total_steps=100) == pytest.approx(0.5)


def test_no_warmup_starts_at_the_peak_and_a_run_of_warmup_alone_never_falls():
    assert factors(10, 0)[0] == 1.0
    assert max(factors(5, 5)) <= 1.0
