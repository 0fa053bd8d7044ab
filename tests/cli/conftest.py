"""The command line as a person meets it: what it prints, where, and how it exits."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from cvgl_bench.cli import main


class Answer(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Return a function that runs `cvgl-bench` with arguments in this process."""

    def run(*arguments) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cvgl-bench", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run
