"""Leaderboards: tables generated from one file a result, and nothing that is not in those files."""

from cvgl_bench.report.leaderboard.files import add, add_outcome, build, check, write
from cvgl_bench.report.leaderboard.verification import recompute, verify, verify_all

__all__ = ["add", "add_outcome", "build", "check", "recompute", "verify", "verify_all", "write"]
