"""The command line: the only place that prints, exits, or turns an error into a message."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from typing import Any

import click

import cvgl_bench
from cvgl_bench.cli.stopping import StoppedError, terminated
from cvgl_bench.cli.together import is_first, require_alone
from cvgl_bench.foundation.errors import CvglError, suggest

COMMANDS = {
    "run": "Train a method on a data set, evaluate it, record the result.",
    "score": "Score embeddings made elsewhere.",
    "compare": "Compare runs on the same queries, with intervals.",
    "report": "Show runs on one page: figures, maps, queries.",
    "sweep": "Evaluate a run on turned, narrowed or spoilt queries.",
    "list": "List methods, data sets, metrics, variants or plugins.",
    "options": "Show every option of a method, with its default.",
    "dataset": "Look at, check, fetch, build or plan a data set.",
    "leaderboard": "Build or check the leaderboard tables.",
    "bev": "Project a panorama to a bird's-eye view.",
    "cache": "List or clear stored embeddings and generated worlds.",
    "plugin": "Start a plugin of your own.",
}
"""Command to one-line help: `cvgl-bench --help` needs no module but this one, hence no torch."""


REFUSED = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip
"""What a system says of a full disk, or of a place that cannot be used: nothing that a traceback explains."""


class LazyGroup(click.Group):
    """A group whose command `name` is `command` in the module `cvgl_bench.cli.<name>_command`.

    Groups inside it name their own commands and modules.
    """

    commands_help = COMMANDS
    module = "cvgl_bench.cli.{name}_command"

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_help:
            return None
        return importlib.import_module(self.module.format(name=cmd_name)).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands_help:
            ctx.fail(f"There is no command '{args[0]}'.{suggest(args[0], self.commands_help)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))


class Root(LazyGroup):
    """The group of all commands."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as reason:
            # Else click says `Aborted!` and exits with 1, whatever was saved.
            raise StoppedError(reason) from None


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(cvgl_bench.__version__, prog_name="cvgl-bench")
@click.pass_context
def cli(context: click.Context) -> None:
    """Make cross-view geo-localization methods comparable.

    Start here, with nothing but a laptop:

        cvgl-bench run --method sample4geo --dataset mini-dress --split cross
    """
    require_alone(context.invoked_subcommand)


def main() -> None:
    """Run the command line; an expected error becomes one message and its exit code."""
    signal.signal(signal.SIGTERM, terminated)
    try:
        cli(prog_name="cvgl-bench") if is_first() else _in_silence()
    except CvglError as error:
        if is_first():
            click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except StoppedError as stop:
        if is_first():
            # A terminal has written ^C where the line begins.
            click.echo(("\n" if sys.stderr.isatty() else "") + str(stop), err=True)
        sys.exit(stop.exit_code)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        _let_go_of_output()
        place = "the output" if error.filename is None else error.filename
        click.echo(f"Error: {place}: {error.strerror}. Free space or choose another place.", err=True)
        sys.exit(CvglError.exit_code)


def _in_silence() -> None:
    """Do as the first of several processes does, which alone says how a command line is wrong."""
    try:
        sys.exit(cli.main(prog_name="cvgl-bench", standalone_mode=False))
    except click.ClickException as error:
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(1)


def _let_go_of_output() -> None:
    """Keep Python from trying at its end to write what could not be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
