"""`cvgl-bench dataset fetch`: from a data set's lists to its pixels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.cli.dataset_choice import DatasetChoice, choose_dataset
from cvgl_bench.cli.flags import flags, gathered
from cvgl_bench.data_tools.fetch.client import ClientOptions

if TYPE_CHECKING:
    from cvgl_bench.data.dataset import Dataset
    from cvgl_bench.data_tools.fetch.client import Client
    from cvgl_bench.data_tools.fetch.download import Report
    from cvgl_bench.data_tools.fetch.listing import DownloadEstimate
    from cvgl_bench.data_tools.fetch.provider import Provider
    from cvgl_bench.foundation.registry import Registry
    from cvgl_bench.method import View

Say = Callable[[str], None]

VIEWS: dict[View, str] = {"reference": "tiles", "query": "panoramas"}
"""Each view's key under `fetch` on a card, which is also what `--only` takes."""
OVERRIDES = ("url", "zoom", "tile_px", "placeholders")
"""Settings of the tiles that the command line has too."""
SHOWN = 10
URL_HELP = (
    "Tile service, like https://host/{z}/{x}/{y}; {key:NAME} stands for the environment variable "
    "CVGL_KEY_NAME.  [default: the card's]"
)

PLACEHOLDERS_HELP = "SHA-256, or its first 16 digits, of a picture that says 'no imagery here'; repeatable."


@click.command("fetch")
@choose_dataset
@click.option("--only", type=click.Choice(list(VIEWS.values())), help="Fetch one of the two views.")
@click.option("--url", help=URL_HELP)
@click.option("--zoom", type=int, help="Web-Mercator zoom of the tiles.  [default: the card's]")
@click.option("--tile-px", type=int, help="Side of the service's tiles.  [default: 256]")
@click.option("--placeholders", multiple=True, help=PLACEHOLDERS_HELP)
@click.option("--allow-private", is_flag=True, help="Allow servers that are not on the public Internet.")
@click.option("--accept-terms", is_flag=True, help="Accept the terms that are shown.")
@click.option("--check", is_flag=True, help="First compare files with the manifest; fetch anew what differs.")
@click.option("--dry-run", is_flag=True, help="Only count files, requests and bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the report, as JSON.")
@flags(ClientOptions)
def command(choice: DatasetChoice, **given: Any) -> None:
    """Fetch the images that the lists of DATASET name.

    Run it again to continue after an interruption and to retry what failed. Street View needs your own
    key in the environment variable GOOGLE_MAPS_API_KEY.

    \b
    Examples:
        cvgl-bench dataset fetch dress --data-root data/dress --dry-run
        cvgl-bench dataset fetch dress --data-root data/dress --only tiles --accept-terms
    """
    from cvgl_bench.data_tools.fetch.client import Client
    from cvgl_bench.foundation.errors import UsageError

    if choice.card.generated:
        raise UsageError(f"{choice.card.name} is generated on first use; there is nothing to fetch.")
    with Client(gathered(ClientOptions, given), allow_private=given["allow_private"]) as client:
        providers = _providers(choice.card, client, given, choice.plugins.providers)
        _fetch(choice, providers, client, given)


def _fetch(
    choice: DatasetChoice, providers: Mapping[View, Provider], client: Client, given: Mapping[str, Any]
) -> None:
    from cvgl_bench.data_tools.fetch import download, listing
    from cvgl_bench.foundation.errors import DataError
    from cvgl_bench.foundation.progress import progress

    card, root = choice.card, choice.root
    chosen: dict[str, Any] = {
        "layouts": choice.plugins.layouts,
        "providers": providers,
        "cities": _cities(choice),
        "label_edition": choice.label_edition,
    }
    say = (lambda text: None) if given["as_json"] else click.echo
    if given["check"]:
        _remove_damaged(root, say)
    found = listing.estimate(listing.jobs_of(card, root, **chosen), root)
    _print_estimate(found, providers, say)
    report = None
    if not given["dry_run"]:
        _require_terms(card, providers, accepted=given["accept_terms"])
        for provider in providers.values():
            provider.require_access()
        jobs = listing.jobs_of(card, root, **chosen)
        with progress(sum(entry.listed for entry in found.values()), f"fetch {card.name}") as bar:
            report = download.download(
                jobs, root, connections=client.options.connections, stop=client.stop, progress=bar
            )
        _print_report(report, providers, say)
    if given["as_json"]:
        click.echo(json.dumps(_summary(found, report), indent=2))
    if report is not None and report.failed:
        raise DataError(
            f"{report.failed} files of {card.name} could not be had; {root / download.FAILURES} lists them. "
            "Run the same command again to retry."
        )


def _cities(choice: DatasetChoice) -> tuple[str, ...]:
    from cvgl_bench.foundation.errors import UsageError, suggest

    known = choice.card.cities
    for city in choice.cities or ():
        if city not in known:
            raise UsageError(
                f"'{city}' is no city of {choice.card.name}.{suggest(city, known)} Known: {', '.join(known)}."
            )
    return choice.cities or known


def _providers(
    card: Dataset, client: Client, given: Mapping[str, Any], known: Registry[type[Provider]]
) -> dict[View, Provider]:
    """Return the provider of each view that is fetched; the command line overrides the card's settings."""
    from cvgl_bench.foundation.errors import UsageError

    overrides = {key: given[key] for key in OVERRIDES if given[key] not in (None, ())}
    chosen = {}
    for view, key in VIEWS.items():
        settings = _settings(card, key)
        if view == "reference" and overrides:
            settings |= overrides
        if settings and given["only"] in (None, key):
            provider = known[settings.get("provider", "xyz")]
            chosen[view] = provider(client, {"zoom": card.tile.get("zoom"), **settings})
    if not chosen:
        raise UsageError(
            f"The card of {card.name} does not say where its images are; give --url. {card.access}"
        )
    return chosen


def _settings(card: Dataset, key: str) -> dict[str, Any]:
    from cvgl_bench.foundation.errors import DataError

    settings = card.fetch.get(key, {})
    if not isinstance(settings, Mapping):
        raise DataError(f"The card of {card.name}: fetch.{key} is not a mapping of settings.")
    return dict(settings)


def _require_terms(card: Dataset, providers: Mapping[View, Provider], *, accepted: bool) -> None:
    from cvgl_bench.foundation.errors import UsageError

    for view, provider in providers.items():
        settings = _settings(card, VIEWS[view])
        terms = (provider.terms, settings.get("terms"), settings.get("attribution"))
        click.echo(f"Terms of the {VIEWS[view]}: {' '.join(filter(None, terms))}", err=True)
    if not accepted:
        raise UsageError("Nothing was fetched. Read the terms above, then add --accept-terms.")


def _remove_damaged(root: Path, say: Say) -> None:
    from cvgl_bench.data_tools.fetch.manifest import damaged

    for item, how in damaged(root):
        say(f"{item.path}: {how}; it is fetched anew")
        (root / item.path).unlink(missing_ok=True)


def _print_estimate(
    found: Mapping[View, DownloadEstimate], providers: Mapping[View, Provider], say: Say
) -> None:
    for view, entry in found.items():
        say(
            f"{VIEWS[view]} by {providers[view].name}: {entry.listed:,} listed, {entry.present:,} present, "
            f"{entry.missing:,} to fetch: about {entry.requests:,} requests and "
            f"{entry.missing_bytes / 1e9:,.2f} GB"
        )


def _print_report(report: Report, providers: Mapping[View, Provider], say: Say) -> None:
    megabytes = report.fetched_bytes / 1e6
    say(f"fetched {report.fetched:,} files ({megabytes:,.1f} MB), {report.present:,} were there")
    for failure in report.failures[:SHOWN]:
        say(f"  failed: {failure.path}: {failure.reason}")
    if report.failed > SHOWN:
        say(f"  and {report.failed - SHOWN:,} more")
    for provider in providers.values():
        for remark in provider.remarks():
            say(remark)


def _summary(found: Mapping[View, DownloadEstimate], report: Report | None) -> dict[str, Any]:
    from dataclasses import asdict

    estimate = {VIEWS[view]: {**asdict(entry), "missing": entry.missing} for view, entry in found.items()}
    return {"estimate": estimate, "report": None if report is None else asdict(report)}
