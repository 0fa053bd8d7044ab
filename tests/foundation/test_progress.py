"""What long work says of itself where there is no terminal."""

import doctest

import pytest

from cvgl_bench.foundation import progress as module
from cvgl_bench.foundation.progress import progress


@pytest.fixture
def clock(monkeypatch):
    """Return a list whose only entry is the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_the_first_line_comes_at_once(clock, capsys):
    with progress(4800, "embed queries"):
        assert capsys.readouterr().err == "embed queries: 4,800 to do\n"


def test_then_one_line_every_half_minute_with_rate_and_time_left(clock, capsys):
    with progress(4000, "embed queries") as bar:
        capsys.readouterr()
        for _ in range(40):
            clock[0] += 2.0
            bar.advance(50)
    assert capsys.readouterr().err.splitlines() == [
        "embed queries: 750 of 4,000 (19 %), 25/s, 2:10 left",
        "embed queries: 1,500 of 4,000 (38 %), 25/s, 1:40 left",
    ]


def test_a_line_ends_with_what_else_there_is_to_say_which_is_asked_for_it_alone(clock, capsys):
    asked = []
    with progress(4, "train") as bar:
        capsys.readouterr()
        for _ in range(4):
            clock[0] += 20.0
            bar.advance(note=lambda: asked.append(clock[0]) or "loss 2.5")
    assert capsys.readouterr().err.splitlines() == [
        "train: 2 of 4 (50 %), 0.05/s, 0:40 left, loss 2.5",
        "train: 4 of 4 (100 %), 0.05/s, 0:00 left, loss 2.5",
    ]
    assert asked == [140.0, 180.0]


def test_a_bar_asks_for_it_once_a_second(clock, monkeypatch):
    asked = []
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    with progress(40, "train") as bar:
        for _ in range(40):
            clock[0] += 0.25
            bar.advance(note=lambda: asked.append(clock[0]) or "loss 2.5")
    assert len(asked) == 10


def test_what_was_done_before_is_left_out_of_the_rate(clock, capsys):
    with progress(1000, "epoch 2/5", done=900) as bar:
        clock[0] += 30
        bar.advance(30)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2/5: 100 to do",
        "epoch 2/5: 930 of 1,000 (93 %), 1/s, 1:10 left",
    ]


@pytest.fixture
def drawn(clock, monkeypatch):
    """Return a function that draws what a bar shows now, as text."""
    import rich.console
    import rich.progress

    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
    bars = []
    start = rich.progress.Progress.start
    monkeypatch.setattr(rich.progress.Progress, "start", lambda self: bars.append(self) or start(self))

    def draw():
        console = rich.console.Console(width=120, color_system=None)
        with console.capture() as capture:
            console.print(bars[-1].get_renderable())
        return capture.get()

    return draw


def test_a_bar_shows_no_rate_before_a_few_seconds_say_something_of_it(clock, drawn):
    with progress(1000, "embed", done=500) as bar:
        clock[0] += 8.0  # Processes start, and have several items ready when the first one is.
        for _ in range(4):
            clock[0] += 0.001
            bar.advance(10)
        assert "540/1000" in drawn() and "/s" not in drawn() and "0:00" not in drawn()
        for _ in range(50):
            clock[0] += 0.5
            bar.advance(1)
        assert "590/1000" in drawn() and "/s" in drawn()


def test_without_a_total_only_what_is_done_is_said(clock, capsys):
    with progress(None, "rank references") as bar:
        clock[0] += 60
        bar.advance(120)
        bar.set_total(240)
        clock[0] += 30
        bar.advance(60)
    assert capsys.readouterr().err.splitlines() == [
        "rank references: begins",
        "rank references: 120 done, 2/s",
        "rank references: 180 of 240 (75 %), 2/s, 0:30 left",
    ]


def test_nothing_is_printed_to_standard_output(clock, capsys):
    with progress(3, "x") as bar:
        clock[0] += 60
        bar.advance(3)
    assert capsys.readouterr().out == ""


def test_the_examples_hold():
    assert doctest.testmod(module).failed == 0
