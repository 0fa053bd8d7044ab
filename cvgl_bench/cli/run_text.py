"""What `run` says: what is about to happen, what came out, where it lies, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cvgl_bench.cli.tables import TEXT_WIDTH

if TYPE_CHECKING:
    from cvgl_bench.ranking.outcome import Outcome
    from cvgl_bench.running.options import RunOptions
    from cvgl_bench.running.request import Request
    from cvgl_bench.running.run import Run
    from cvgl_bench.scoring.results import Result

TAKEN_BACK = (("tuned_on", "unknown"), ("tries", None))
"""What a setting over a recipe's makes of the recipe's claim of how it was tuned: nobody typed it."""


def print_plan(run: Run, say: Callable[[str], None], *, verbose: bool) -> None:
    """Print what is about to happen: the task, and what was set; every option with `verbose`."""
    from cvgl_bench.data.splits import split_title
    from cvgl_bench.data.variants import PLAIN

    task = run.task
    test = task.test
    say(
        f"{run.method.title} on {task.dataset.title}, {split_title(task.split)}"
        + (" (partial)" if task.partial else "")
    )
    say(f"  test: {len(test):,} queries, {len(test.references):,} references; {', '.join(_cities(test))}")
    if test.variant != PLAIN:
        say(f"  variant: the test queries are seen as {test.variant}")
    if run.trains:
        say(f"  train: {len(task.train):,} queries; {', '.join(_cities(task.train))}")
    for note in task.notes:
        say(f"  note: {note}")
    sections = [section for section in run.options.values() if section != "training" or run.trains]
    for line in every_option(run.options, sections) if verbose else changed_options(run.options, sections):
        say(line)
    say(f"  folder: {run.folder}")


def changed_options(options: RunOptions, sections: list[str]) -> list[str]:
    """Return lines that say where the settings come from, and which were set over those."""
    if options.saved:
        source = f"as the run was started ({options.saved})"
    elif options.recipe and options.recipe in options.origins.values():
        source = f"recipe {options.recipe}"
    else:
        source = "defaults"
    known = {"default", options.recipe, options.saved}
    changed = [
        f"{section}.{name}={_shown(value)} [{options.origins[f'{section}.{name}']}]"
        for section in sections
        for name, value in options.values()[section].items()
        if options.origins[f"{section}.{name}"] not in known and (name, value) not in TAKEN_BACK
    ]
    lines = [f"  settings: {source}; --verbose shows every one"]
    return lines + ([_wrapped("changed", ", ".join(changed))] if changed else [])


def every_option(options: RunOptions, sections: list[str]) -> list[str]:
    """Return 'section: a=1, b=2 ...' lines; what is not a default names its origin."""
    lines = []
    for section in sections:
        shown = []
        for name, value in options.values()[section].items():
            origin = options.origins[f"{section}.{name}"]
            shown.append(f"{name}={_shown(value)}" + ("" if origin == "default" else f" [{origin}]"))
        lines.append(_wrapped(section, ", ".join(shown) or "-"))
    return lines


def _wrapped(title: str, text: str) -> str:
    return click.wrap_text(text, TEXT_WIDTH, f"  {title}: ", "    ")


def _shown(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def print_result(run: Run, result: Result) -> None:
    """Print the metrics beside chance, recall@1 by stratum, where everything lies, and what to type next."""
    from cvgl_bench.cli.tables import metric_summary
    from cvgl_bench.ranking import OUTCOME, read_outcome
    from cvgl_bench.report.changes import what_reranking_did

    metrics = {id: entry.thing for id, entry in run.plugins.metrics}
    outcome = read_outcome(run.folder / OUTCOME)
    click.echo("\n" + metric_summary(result.metrics, metrics, outcome) + "\n")
    if result.reranking is not None:
        click.echo(_folded("re-ranking:", what_reranking_did(result.reranking)))
    if result.selection and result.selection.rule == "test":
        click.echo("The epoch was chosen on the test split: this result is marked and not ranked.")
    files = ", ".join(sorted(path.name for path in run.folder.iterdir()))
    click.echo(_folded("run:", f"{run.folder} ({files})"))
    if run.leaderboard is not None:
        click.echo(f"leaderboard: {run.leaderboard / result.task.dataset}.md")
    for number, line in enumerate(next_commands(run, result, outcome)):
        click.echo(("next: " if number == 0 else "      ") + line)


def _folded(title: str, text: str) -> str:
    return click.wrap_text(text, TEXT_WIDTH, f"{title} ", "     ")


def next_commands(run: Run, result: Result, outcome: Outcome) -> list[str]:
    """Return commands that look further: at the run, at its worst query, and against a run beside it."""
    from cvgl_bench.running.request import saved_request

    asked, _ = saved_request(run.folder)
    other = _other_run(run, result)
    commands = [["report", str(run.folder), "--output", str(run.folder / "report.html")]]
    commands += [["compare", str(other), str(run.folder)]] if other else []
    worst = int(outcome.ranking.rank.argmax())
    test = run.task.test
    if (Path(test.root) / test.queries["path"].iloc[worst]).is_file():
        picture = str(run.folder / "worst.png")
        commands.append(["dataset", "show", *_which(asked), "--query", str(worst), "--output", picture])
    return [shlex.join(["cvgl-bench", *words]) for words in commands]


def _which(asked: Request) -> list[str]:
    """Return the words by which `dataset` commands find the split that was asked for."""
    from cvgl_bench.data.cards import is_path

    given = {
        "--data-root": asked.data_root and _near(asked.data_root),
        "--cities": ",".join(asked.cities or ()),
        "--labels": asked.label_edition,
    }
    words = [word for flag, value in given.items() if value for word in (flag, str(value))]
    dataset = _near(Path(asked.dataset)) if is_path(asked.dataset) else asked.dataset
    return [dataset, "--split", asked.split, *words]


def _near(path: Path) -> str:
    """Return a path as somebody here would type it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _other_run(run: Run, result: Result) -> Path | None:
    """Return the newest run of another method on the same test split beside this one, None without any."""
    from cvgl_bench.foundation.errors import ResultError
    from cvgl_bench.scoring.results import RESULT, read_result

    def told_apart(folder: Path) -> bool:
        try:
            other = read_result(folder / RESULT)
        except ResultError:
            return False
        return (
            other.method.name != result.method.name
            and other.task.variant == result.task.variant
            and (other.task.fingerprint == result.task.fingerprint)
        )

    pattern = f"*-{result.task.dataset}-{result.task.split}"
    return next(filter(told_apart, sorted(run.folder.parent.glob(pattern), reverse=True)), None)


def _cities(split: Any) -> list[str]:
    return sorted(split.queries["city"].unique())
