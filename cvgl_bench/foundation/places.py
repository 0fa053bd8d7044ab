"""Where a person's results go unless told otherwise, relative to the folder that a command is typed in."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
"""Holds a folder for each run."""

LEADERBOARDS = RUNS / "leaderboards"
"""A person's own leaderboards, beside the runs: a clone's `leaderboards/` are for results that all share."""
