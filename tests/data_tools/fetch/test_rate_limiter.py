"""Spacing of requests."""

from __future__ import annotations

from cvgl_bench.data_tools.fetch.rate_limiter import RateLimiter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_are_spaced_evenly():
    limiter = RateLimiter(10, clock=Clock())
    assert [round(limiter.reserve(), 6) for _ in range(4)] == [0, 0.1, 0.2, 0.3]


def test_no_limit_is_no_wait():
    limiter = RateLimiter(0, clock=Clock())
    assert [limiter.reserve() for _ in range(3)] == [0, 0, 0]


def test_time_that_passed_is_not_saved_up():
    clock = Clock()
    limiter = RateLimiter(10, clock=clock)
    limiter.reserve()
    clock.now += 5
    assert [round(limiter.reserve(), 6) for _ in range(2)] == [0, 0.1]


def test_a_rest_holds_everybody():
    limiter = RateLimiter(10, clock=Clock())
    limiter.rest(3)
    assert round(limiter.reserve(), 6) == 3
    limiter.rest(1)
    assert round(limiter.reserve(), 6) == 3.1
