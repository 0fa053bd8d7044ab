"""One voice for several processes: the first prints, and of an error one line comes from one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cvgl_bench.foundation.errors import CvglError, ProcessError, UsageError
from cvgl_bench.foundation.launch import Launch, launched

if TYPE_CHECKING:
    from cvgl_bench.foundation.group import ProcessGroup

COMMANDS = ("run",)
"""Commands that several processes do together."""


def is_first() -> bool:
    """Return whether this process prints, whatever else the environment says."""
    return os.environ.get("WORLD_SIZE", "1") in {"", "1"} or os.environ.get("RANK", "0") in {"", "0"}


def require_alone(command: str | None) -> None:
    """Raise UsageError where several processes were started for what one does."""
    count = launched().count
    if count > 1 and command not in COMMANDS:
        raise UsageError(
            f"WORLD_SIZE is {count}, but `{command}` runs in one process; only {' and '.join(COMMANDS)} "
            "can be started by torchrun. Start it without, or unset WORLD_SIZE."
        )


@contextmanager
def together() -> Iterator[ProcessGroup]:
    """Give the group of this process; an error in it is said once and ends the process."""
    # Else torch says of every process that ends, with the addresses of its own functions, that it ended.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from cvgl_bench.foundation.group import ALONE

    launch = launched()
    if launch.count == 1:
        yield ALONE
        return
    yield from _one_voice(launch)


def _one_voice(launch: Launch) -> Iterator[ProcessGroup]:
    from cvgl_bench.foundation.group import ProcessGroup

    group = ProcessGroup(launch)
    try:
        group.join()
        yield group
        group.leave()
    except CvglError as error:
        _end(group.voice(error), error)
    except KeyboardInterrupt:
        # A launcher ends the others when one is gone, perhaps before they have noticed.
        lost = group.lost()
        if lost is None:
            raise
        _end(group.voice(lost), lost)


def _end(text: str | None, error: CvglError) -> None:
    if text is not None:
        click.echo(f"Error: {text}", err=True)
    if isinstance(error, ProcessError):
        # Nothing waits for a process that is gone, as the libraries between would.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(error.exit_code)
    sys.exit(error.exit_code)
