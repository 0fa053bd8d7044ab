"""The exceptions a person may meet, each with one clear line and an exit code.

    CvglError                  exit 1: something went wrong
    |-- DataError              files, labels or images are missing or damaged
    |-- EmbeddingError         embeddings that cannot be ranked
    |-- TrainingError          training that cannot start or go on
    |-- CheckpointError        weights that do not fit the network
    |-- PluginError            a plugin that breaks the contract
    |-- ProcessError           processes of one run that lost each other
    |-- ResultError            a result or leaderboard file that cannot be used
    `-- UsageError             exit 2: the request itself is wrong
        |-- UnknownNameError   a name nobody offers
        `-- OptionError        an option that does not exist or has a wrong value

Every message says what was given, what is wrong, and what to do about it. Anything that is not a
`CvglError` is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CvglError(Exception):
    """An expected failure; the command line prints its message and exits with `exit_code`."""

    exit_code = 1


class DataError(CvglError):
    """A data set's files, labels or images are missing or damaged."""


class EmbeddingError(CvglError):
    """Embeddings that cannot be ranked: non-finite, of wrong shape, or not of unit length."""


class TrainingError(CvglError):
    """Training that cannot start or go on."""


class CheckpointError(CvglError):
    """A weight file that does not fit the network."""


class PluginError(CvglError):
    """A plugin that breaks the contract."""


class ProcessError(CvglError):
    """Processes of one run that lost each other.

    spoken_here: whether this process prints it; of those that are left only one does.
    """

    def __init__(self, message: str, *, spoken_here: bool = True) -> None:
        super().__init__(message)
        self.spoken_here = spoken_here


class ResultError(CvglError):
    """A result or leaderboard file that cannot be used."""


class UsageError(CvglError):
    """The request itself is wrong."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name nobody offers."""


class OptionError(UsageError):
    """An option that does not exist, or has a value it cannot take."""


def in_one_line(error: Exception | str) -> str:
    """Return what an error of a library says, or a person gave, which may be several lines, as one."""
    return " ".join(str(error).split())


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ' Did you mean ...?' for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
