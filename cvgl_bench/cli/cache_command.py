"""`cvgl-bench cache`: what was kept to save time, and how to be rid of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.foundation.cache import KINDS, cache_folder, entries, remove
from cvgl_bench.foundation.errors import DataError

if TYPE_CHECKING:
    from cvgl_bench.foundation.cache import CacheEntry

SECONDS_PER_DAY = 86400

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
kind_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Stored embeddings, generated worlds, or records of checked images; may be repeated.",
)
age_option = click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=0,
    metavar="DAYS",
    help="Only what was not used for so many days.",
)


@click.group(name="cache")
def command() -> None:
    """List or clear what is kept to save time: embeddings, worlds. All of it can be made again.

    The folder is $CVGL_CACHE, else cvgl-bench in the user's cache folder. How much embeddings may take is
    the option `store_gb` of a run.

    Example:

        cvgl-bench cache list
    """


@command.command(name="list")
@kind_option
@age_option
@json_option
def list_command(kinds: tuple[str, ...], days: float, as_json: bool) -> None:
    """List what is kept, with sizes, the least recently used first.

    The rows of stored embeddings are a .npy file, `embeddings.npy`, in the order of `dataset export`;
    --json prints where.

    Example:

        cvgl-bench cache list --kind embeddings
    """
    from tabulate import tabulate

    found = _chosen(kinds, days)
    total = sum(entry.bytes for entry in found)
    if as_json:
        listing = {"folder": str(cache_folder()), "bytes": total, "entries": [_data(e) for e in found]}
        click.echo(json.dumps(listing, indent=2))
        return
    rows = [[e.kind, e.title, _size(e.bytes), _age(e.idle_s), _state(e)] for e in found]
    if rows:
        headers = ["kind", "what", "size", "last used", "state"]
        alignment = ("left", "left", "right", "right", "left")
        click.echo(tabulate(rows, headers=headers, disable_numparse=True, colalign=alignment) + "\n")
    click.echo(f"{_count(len(found))}, {_size(total)}, in {cache_folder()}")


@command.command(name="clear")
@kind_option
@age_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and leave it.")
@json_option
def clear_command(kinds: tuple[str, ...], days: float, dry_run: bool, as_json: bool) -> None:
    """Remove what is kept; what another process is writing stays.

    Clear worlds only while no run reads their images.

    Example:

        cvgl-bench cache clear --kind embeddings --older-than 30
    """
    found = _chosen(kinds, days)
    gone = [entry for entry in found if not entry.in_progress]
    for entry in () if dry_run else gone:
        try:
            remove(entry)
        except (FileNotFoundError, BlockingIOError):
            continue  # Another process was quicker.
        except OSError as error:
            raise DataError(f"{entry.path} cannot be removed: {error.strerror}. Whose is it?") from None
    freed = sum(entry.bytes for entry in gone)
    if as_json:
        click.echo(json.dumps({"bytes": freed, "removed": [_data(entry) for entry in gone]}, indent=2))
        return
    for entry in gone:
        click.echo(f"{entry.kind}: {entry.title} ({_size(entry.bytes)})")
    for entry in found:
        if entry.in_progress:
            click.echo(f"left, because it is being written: {entry.title}")
    verb = "Would remove" if dry_run else "Removed"
    click.echo(f"{verb} {_count(len(gone))}, {_size(freed)}, from {cache_folder()}")


def _chosen(kinds: tuple[str, ...], days: float) -> list[CacheEntry]:
    try:
        found = [entry for kind in kinds or KINDS for entry in entries(cache_folder(), kind)]
    except OSError as error:
        raise DataError(
            f"The cache {cache_folder()} cannot be read: {error.strerror}. Set CVGL_CACHE to another folder."
        ) from None
    return [entry for entry in found if entry.idle_s >= days * SECONDS_PER_DAY]


def _data(entry: CacheEntry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "title": entry.title,
        "path": str(entry.path),
        "bytes": entry.bytes,
        "last_used": entry.used,
        "whole": entry.whole,
    }


def _state(entry: CacheEntry) -> str:
    if entry.whole:
        return "whole"
    return "being written" if entry.in_progress else "unfinished"


def _count(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.2f} MB"


def _age(seconds: float) -> str:
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 2 * SECONDS_PER_DAY:
        return f"{seconds / 3600:.0f} h ago"
    return f"{seconds / SECONDS_PER_DAY:.0f} days ago"
