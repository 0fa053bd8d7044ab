"""Leaderboards: tables generated from one file a result, and nothing that is not in those files."""

from cvgl_bench.report.leaderboard.files import add, build, check, write
from cvgl_bench.report.leaderboard.verification import verify

__all__ = ["add", "build", "check", "verify", "write"]
