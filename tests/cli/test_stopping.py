"""Asked to end: what a person reads, and the exit code, whenever the signal comes."""

import os
import signal
from pathlib import Path

import pytest

import cvgl_bench.plugins
from cvgl_bench.running import execution

from ..conftest import MeanColour

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", CODES)


@pytest.fixture(autouse=True)
def own_handlers():
    """Hear Ctrl-C, which background jobs may ignore, and give back the handlers that a command replaces."""
    handlers = {number: signal.getsignal(number) for number in CODES}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that has a function send a signal to its process when it is called first."""

    def set_up(owner, name, number):
        inner, calls = getattr(owner, name), []

        def hit(*given, **named):
            calls.append(name)
            if len(calls) == 1:
                os.kill(os.getpid(), number)
            return inner(*given, **named)

        monkeypatch.setattr(owner, name, hit)

    return set_up


@pytest.fixture
def run_here(run, noise_world, run_command):
    """Return a function that runs a method on the world of noise as a person does, by `main`."""
    card, root = noise_world
    given = ["--method", "mean-colour", "--dataset", card, "--data-root", root, "--split", "cross"]
    given += [
        "--epochs",
        "1",
        "--set",
        "batch_size=4",
        "--workers",
        "0",
        "--device",
        "cpu",
        "--no-leaderboard",
    ]
    return lambda *arguments: run_command("run", *given, *arguments)


@both
def test_any_command_ends_with_one_line_and_the_code_of_the_signal(run_command, interrupt, number):
    interrupt(cvgl_bench.plugins, "load_plugins", number)
    answer = run_command("list", "methods")
    assert (answer.code, answer.out, answer.err) == (CODES[number], "", "Stopped.\n")


@both
@pytest.mark.parametrize(
    ("owner", "name", "said"),
    [(MeanColour, "criterion", "saved after step 1 of epoch 1"), (execution, "evaluate", "epoch   1/1")],
)
def test_a_run_says_what_was_kept_and_goes_on_from_there(
    run_here, run_command, interrupt, owner, name, said, number
):
    interrupt(owner, name, number)
    answer = run_here("--output", "out")
    assert answer.code == CODES[number]
    assert answer.out.splitlines()[-1].startswith(said)
    assert answer.err.splitlines()[-1] == "Stopped. Continue with `cvgl-bench run --resume out`."
    assert "Aborted" not in answer.out + answer.err
    again = run_command("run", "--resume", "out", "--no-leaderboard")
    assert again.code == 0 and "continuing after" in again.out, again.err


def test_a_run_that_is_not_begun_leaves_nothing_and_says_so(run_here, interrupt):
    interrupt(execution, "check_images", signal.SIGTERM)
    answer = run_here("--output", "out")
    assert answer.code == 143
    assert answer.err.splitlines()[-1] == "Stopped. Nothing was begun that could go on."
    assert not Path("out").exists()


def test_a_run_that_has_its_record_is_said_to_be_finished(run_here, interrupt):
    interrupt(execution, "tidy", signal.SIGINT)
    assert run_here("--output", "out").err.splitlines()[-1] == "Stopped. The run in out is finished."
