"""`cvgl-bench run`: one line from a method and a data set to a recorded result."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from cvgl_bench.cli.stopping import StoppedError
from cvgl_bench.cli.together import together
from cvgl_bench.foundation.places import LEADERBOARDS
from cvgl_bench.hookspecs import hookimpl

if TYPE_CHECKING:
    from cvgl_bench.foundation.group import ProcessGroup
    from cvgl_bench.running.request import Request
    from cvgl_bench.running.run import Run

SHORTHANDS = {
    "epochs": "training.epochs",
    "seed": "training.seed",
    "device": "machine.device",
    "workers": "machine.workers",
}
"""Flags that set one option each."""

BESIDE_RESUME = ("resume", "leaderboard", "no_leaderboard", "verbose", "as_json")
"""Flags that say nothing of what is run."""


@click.command(name="run")
@click.option("--method", help="Method to run; `cvgl-bench list methods` shows them.")
@click.option("--dataset", help="Data set: a name, or the path of a card.")
@click.option("--split", help="Split of the data set, such as same or cross.")
@click.option(
    "--data-root", type=click.Path(path_type=Path), help="Folder of the data set. [env: CVGL_DATA/NAME]"
)
@click.option("--cities", help="Comma-separated subset of cities; the result is marked partial.")
@click.option("--labels", help="Label edition, where the data set has several.")
@click.option("--published", is_flag=True, help="Do as the method's published code does, defects included.")
@click.option("--config", type=click.Path(path_type=Path), help="YAML file in the form of a recipe.")
@click.option(
    "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set an option; may be repeated."
)
@click.option("--epochs", type=int, help="Short for --set training.epochs=N.")
@click.option("--seed", type=int, help="Short for --set training.seed=N.")
@click.option(
    "--seeds",
    metavar="N,N,...",
    help="A run for each of these seeds, one after the other; with --output, in folders of it.",
)
@click.option("--device", help="auto, cpu, cuda or cuda:N.")
@click.option("--workers", type=int, help="Processes that read images.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Weights to start from, or to evaluate.")
@click.option("--eval-only", is_flag=True, help="Evaluate --checkpoint without training.")
@click.option(
    "--variant",
    metavar="NAME[:VALUE]",
    default="none",
    show_default=True,
    help="What is done to the test queries; `cvgl-bench list variants` shows what there is.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Run folder. [default: runs/TIME-METHOD-DATASET-SPLIT]"
)
@click.option(
    "--resume", type=click.Path(path_type=Path), help="Continue the interrupted run in this folder."
)
@click.option(
    "--leaderboard",
    type=click.Path(path_type=Path),
    default=LEADERBOARDS,
    show_default=True,
    help="Folder of the leaderboards that the result joins: your own, unless you say another.",
)
@click.option("--no-leaderboard", is_flag=True, help="Leave the leaderboards alone.")
@click.option("--verbose", is_flag=True, help="Show every option that is in force, not just what was set.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the result, as JSON.")
def command(**request: Any) -> None:
    """Train a method on a data set, evaluate it, record the result, rebuild the leaderboard.

    Example, which needs no data and no GPU:

        cvgl-bench run --method sample4geo --dataset mini-dress --split cross
    """
    begun: list[Path] = []
    try:
        with together() as group:
            _run(request, group, begun)
    except KeyboardInterrupt as reason:
        raise StoppedError(reason, _kept(begun)) from None


def _kept(begun: list[Path]) -> str:
    """Return how the run that was at work can go on, where it left something to go on with."""
    from cvgl_bench.running.folder import REQUEST
    from cvgl_bench.scoring.results import RESULT

    if not begun or not (begun[-1] / REQUEST).exists():
        return "Nothing was begun that could go on."
    if (begun[-1] / RESULT).exists():
        return f"The run in {begun[-1]} is finished."
    return f"Continue with `cvgl-bench run --resume {shlex.quote(str(begun[-1]))}`."


def _run(request: dict[str, Any], group: ProcessGroup, begun: list[Path]) -> None:
    from cvgl_bench.cli.run_text import print_plan, print_result
    from cvgl_bench.plugins import load_plugins
    from cvgl_bench.running.execution import execute
    from cvgl_bench.running.request import prepare, resume

    quiet, verbose = request.pop("as_json"), request.pop("verbose")
    say = click.echo if group.first and not quiet else lambda text: None
    plugins = load_plugins()
    for broken in plugins.broken if group.first else ():
        click.echo(f"Warning: {broken}", err=True)
    leaderboard = None if request["no_leaderboard"] else request["leaderboard"]
    if request["resume"]:
        _refuse_beside_resume()
    for one in _each_seed(request, quiet=quiet):
        if plugins.manager.has_plugin("console"):
            plugins.manager.unregister(name="console")
        plugins.manager.register(Console(say), name="console")
        given: dict[str, Any] = {"leaderboard": leaderboard, "say": say, "group": group}
        if request["resume"]:
            run = resume(request["resume"], plugins, **given)
        else:
            run = prepare(_asked(one), plugins, output=one["output"], **given)
        begun.append(run.folder)
        print_plan(run, say, verbose=verbose)
        result = execute(run)
        if group.first:
            click.echo(result.model_dump_json(indent=2)) if quiet else print_result(run, result)


def _each_seed(request: dict[str, Any], *, quiet: bool) -> list[dict[str, Any]]:
    """Return the request of each seed of `--seeds`, with a folder of its own, or the one that was made."""
    if request["seeds"] is None:
        return [request]
    if request["seed"] is not None or quiet:
        raise click.UsageError("--seeds makes several runs. Leave out --seed and --json, or --seeds.")
    seeds = request["seeds"].split(",")
    if not all(seed.strip().isdecimal() for seed in seeds) or len(set(map(int, seeds))) < len(seeds):
        raise click.UsageError(f"--seeds is '{request['seeds']}', but takes different whole numbers: 1,2,3.")
    runs = []
    for seed in map(int, seeds):
        output = request["output"] and request["output"] / f"seed-{seed}"
        if output is not None and output.exists():
            raise click.UsageError(f"The run folder {output} exists, and a run is never overwritten.")
        runs.append({**request, "seed": seed, "output": output})
    return runs


def _refuse_beside_resume() -> None:
    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in BESIDE_RESUME
        and context.get_parameter_source(parameter.name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"--resume goes on as the run was started. Leave out {', '.join(given)}, or start a new run."
        )


def _asked(request: dict[str, Any]) -> Request:
    from cvgl_bench.foundation.options import parse_assignments
    from cvgl_bench.running.request import Request

    for name in ("method", "dataset", "split"):
        if request[name] is None:
            raise click.UsageError(f"Missing option '--{name}'.")
    values = {"--set": parse_assignments(request["assignments"])}
    for flag, key in SHORTHANDS.items():
        if request[flag] is not None:
            values[f"--{flag}"] = {key: request[flag]}
    cities = request["cities"]
    return Request(
        method=request["method"],
        dataset=request["dataset"],
        split=request["split"],
        data_root=request["data_root"],
        cities=tuple(city.strip() for city in cities.split(",")) if cities else None,
        label_edition=request["labels"],
        config=request["config"],
        published=request["published"],
        values=values,
        checkpoint=request["checkpoint"],
        eval_only=request["eval_only"],
        variant=request["variant"],
    )


class Console:
    """Prints a line for each epoch: losses, rate and time left."""

    def __init__(self, say: Any) -> None:
        self._say = say
        self._began: float | None = None
        self._first_epoch = 0

    @hookimpl
    def cvgl_epoch_finished(self, run: Run, epoch: int, losses: dict[str, float]) -> None:
        """Print the epoch that ended."""
        now = time.monotonic()
        total = run.options.training.epochs
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        left = ""
        if self._began is None:
            self._began, self._first_epoch = now, epoch
        elif epoch < total:
            seconds = (now - self._began) / (epoch - self._first_epoch)
            left = f"  {seconds:.1f} s/epoch, {_minutes(seconds * (total - epoch))} left"
        self._say(f"epoch {epoch:>3}/{total}  {terms}{left}")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
