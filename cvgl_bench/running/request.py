"""From what a person typed to a run that is ready to execute; everything that can be refused is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cvgl_bench.data import cards, layouts
from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.splits import Task
from cvgl_bench.data.variants import PLAIN, Variant, default_sweep, find_variant
from cvgl_bench.data.worlds import world_root
from cvgl_bench.embedding import provenance
from cvgl_bench.foundation.errors import CheckpointError, CvglError, UsageError, in_one_line
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.foundation.places import RUNS
from cvgl_bench.foundation.registry import NAME
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.foundation.yaml_text import YamlError, read_yaml
from cvgl_bench.method import TrainableMethod
from cvgl_bench.networks.checkpoints import file_sha256
from cvgl_bench.running.folder import REQUEST, WEIGHTS, claimed, make_folder
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.options import RunOptions, resolve_run_options
from cvgl_bench.running.reranker import find_reranker
from cvgl_bench.running.run import Run, run_id
from cvgl_bench.scoring.results import RESULT, read_result


@dataclass(frozen=True)
class Request:
    """What a person asks for; None means 'not said'."""

    method: str
    dataset: str
    split: str
    data_root: Path | None = None
    cities: tuple[str, ...] | None = None
    label_edition: str | None = None
    config: Path | None = None
    published: bool = False
    """Whether to do as the method's published code does, defects included."""
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Origin ('--set') to option values; later origins win."""
    checkpoint: Path | None = None
    eval_only: bool = False
    variant: str = str(PLAIN)
    """What is done to the test queries."""


def prepare(
    request: Request,
    plugins: Offers,
    *,
    output: Path | None = None,
    leaderboard: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    group: ProcessGroup = ALONE,
) -> Run:
    """Resolve names and options, read the task, make the run folder and write the request into it.

    group: processes that do the run together; the first makes the folder, and the others see the same run.
    """
    run = _resolve(request, plugins, leaderboard=leaderboard, say=say)
    group.meet(run.options.machine.wait_s)
    require_alike(run, group)

    def make() -> Path:
        folder = output or RUNS / run.id
        make_folder(folder)
        try:
            _write_request(folder, request, run.options, run.id)
        except CvglError:
            folder.rmdir()
            raise
        return folder

    id, folder = group.first_says(lambda: (run.id, make()))
    return dataclasses.replace(run, id=id, folder=folder, group=group)


def resume(
    folder: Path,
    plugins: Offers,
    *,
    leaderboard: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    group: ProcessGroup = ALONE,
) -> Run:
    """Take up an interrupted run with the options it was started with, in whatever number of processes."""
    # Refuses at once what `execute` would refuse, rather than when the task is read.
    with claimed(folder) if group.first else nullcontext():
        request, id = saved_request(folder)
    run = _resolve(request, plugins, leaderboard=leaderboard, say=say)
    group.meet(run.options.machine.wait_s)
    require_alike(run, group)
    return dataclasses.replace(run, folder=folder, id=id, resume=True, group=group)


def require_alike(run: Run, group: ProcessGroup) -> None:
    """Raise UsageError where processes would not compute the same: other data, options or versions."""
    splits = {"test split": run.task.test.fingerprint}
    if run.trains:
        splits["training split"] = run.task.train.fingerprint
    options = run.options.values()
    del options["machine"]
    facts = {**splits, "options": options, "versions": provenance.versions()}
    first, *others = group.collect(facts)
    for number, other in enumerate(others, start=1):
        differing = [name for name in facts if first[name] != other[name]]
        if differing:
            raise UsageError(
                f"RANK {number} has another {' and another '.join(differing)} than RANK 0. Give all machines "
                "the same command, data and environment."
            )


def on_variants(
    folder: Path,
    plugins: Offers,
    variants: Sequence[str],
    *,
    output: Path | None = None,
    values: Mapping[str, Mapping[str, Any]],
    data_root: Path | None = None,
    leaderboard: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Iterator[Run]:
    """Yield runs that evaluate a finished run's weights again: on plain queries, then on each variant.

    Every run has its folder in `output`, by default a new one in runs/. variants: as a person writes
    them; none takes those of a usual sweep. values: options that override those of the run, by origin.
    Everything that can be refused is refused before the first run.
    """
    again = finished_request(folder, plugins)
    _require_same_weights(folder, again.checkpoint)
    plain = dataclasses.replace(
        again,
        variant=str(PLAIN),
        data_root=data_root or again.data_root,
        values={**again.values, **values},
    )
    run = _resolve(plain, plugins, leaderboard=leaderboard, say=say)
    card = run.task.dataset
    chosen = [find_variant(text, card) for text in variants] or default_sweep(card)
    output = output or RUNS / f"{run.id}-sweep"
    make_folder(output)
    return _each_variant(run, plain, dict.fromkeys([PLAIN, *chosen]), output)


def _each_variant(run: Run, request: Request, variants: Iterable[Variant], output: Path) -> Iterator[Run]:
    for variant in variants:
        request = dataclasses.replace(request, variant=str(variant))
        place = output / variant.slug
        make_folder(place)
        id = run_id(run.method.name, run.task.dataset.name, run.task.split, variant=variant)
        _write_request(place, request, run.options, id)
        yield dataclasses.replace(run, id=id, folder=place, task=seen_as(run.task, variant))


def finished_request(folder: Path, plugins: Offers) -> Request:
    """Return the request that evaluates a finished run's weights again, as they were evaluated.

    Raises UsageError where the folder holds no finished run, or one without the weights that it trained.
    """
    if not (folder / RESULT).exists():
        raise UsageError(
            f"{folder} is not a finished run: it has no {RESULT}. Give a folder that `run` wrote."
        )
    saved, _ = saved_request(folder)
    weights = folder / WEIGHTS
    checkpoint = weights if weights.exists() else saved.checkpoint
    if checkpoint is None and issubclass(plugins.method(saved.method), TrainableMethod):
        raise UsageError(f"{folder} holds no weights to evaluate: there is no {WEIGHTS}.")
    return dataclasses.replace(saved, eval_only=True, checkpoint=checkpoint)


def saved_request(folder: Path) -> tuple[Request, str]:
    """Return the request that a run was started with, its options as values, and the run's id."""
    try:
        saved = read_yaml((folder / REQUEST).read_text(encoding="utf-8"))
        asked = dict(saved["request"])
        for name in ("data_root", "checkpoint"):
            asked[name] = None if asked[name] is None else Path(asked[name])
        asked["cities"] = None if asked["cities"] is None else tuple(asked["cities"])
        values = {
            f"{section}.{name}": value
            for section, options in saved["options"].items()
            for name, value in options.items()
        }
        _check_plain(saved["id"], asked)
        return Request(**asked, values={REQUEST: values}), saved["id"]
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise UsageError(
            f"{folder} does not say what was run: its {REQUEST} cannot be read ({in_one_line(error)})."
        ) from None
    except (KeyError, TypeError, AttributeError):
        raise UsageError(
            f"{folder} does not say what was run: its {REQUEST} is not what `run` writes."
        ) from None


def _check_plain(id: Any, asked: Mapping[str, Any]) -> None:
    """Raise TypeError for what would be no name of a file, or of anything that is looked up."""
    if not all(isinstance(asked[name], str) for name in ("method", "dataset", "split", "variant")):
        raise TypeError
    if not (isinstance(id, str) and NAME.fullmatch(id)):
        raise TypeError


def _require_same_weights(folder: Path, checkpoint: Path | None) -> None:
    """Raise CheckpointError for weights that are not those of the folder's record."""
    recorded = read_result(folder).checkpoint_sha256
    if checkpoint is not None and recorded is not None and file_sha256(checkpoint) != recorded:
        raise CheckpointError(
            f"{checkpoint} is not the file that the run in {folder} evaluated: it has changed since. Put "
            "that one back, or evaluate this one by `run --eval-only --checkpoint`."
        )


def read_task(
    plugins: Offers,
    *,
    dataset: str | Dataset,
    split: str,
    data_root: Path | None = None,
    cities: tuple[str, ...] | None = None,
    label_edition: str | None = None,
) -> Task:
    """Find a data set by name or card, generate it where it is a generated one, and read a split."""
    card = dataset if isinstance(dataset, Dataset) else cards.find_dataset(dataset, plugins.datasets)
    known = plugins.layouts
    root = layouts.find_root(card, data_root, layouts=known) or world_root(card)
    return layouts.read_task(card, split, root, layouts=known, cities=cities, label_edition=label_edition)


def _resolve(
    request: Request, plugins: Offers, *, leaderboard: Path | None, say: Callable[[str], None]
) -> Run:
    method = plugins.method(request.method)
    card = cards.find_dataset(request.dataset, plugins.datasets)
    options = resolve_run_options(
        method,
        dataset=card.name,
        split=request.split,
        config=request.config,
        assignments=request.values.items(),
        saved=REQUEST if REQUEST in request.values else None,
        published=request.published,
    )
    variant = find_variant(request.variant, card)
    task = read_task(
        plugins,
        dataset=request.dataset,
        split=request.split,
        data_root=request.data_root,
        cities=request.cities,
        label_edition=request.label_edition,
    )
    return Run(
        id=run_id(method.name, card.name, request.split, variant=variant),
        folder=Path(),
        method=method(options.method),
        reranker=find_reranker(options.evaluation, task.test, plugins),
        task=seen_as(task, variant),
        options=options,
        plugins=plugins,
        leaderboard=leaderboard,
        checkpoint=request.checkpoint,
        train=not request.eval_only,
        say=say,
    )


def seen_as(task: Task, variant: Variant) -> Task:
    """Return a task whose test queries are seen as a variant; training sees them plain."""
    return dataclasses.replace(task, test=dataclasses.replace(task.test, variant=variant))


def _write_request(folder: Path, request: Request, options: RunOptions, id: str) -> None:
    asked = dataclasses.asdict(dataclasses.replace(request, config=None, values={}))
    del asked["config"], asked["values"]
    if cards.is_path(request.dataset):
        asked["dataset"] = Path(request.dataset)
    record = {"id": id, "request": asked, "options": options.values()}
    write_text(folder / REQUEST, yaml.safe_dump(_plain(record), sort_keys=False), exclusive=True)


def _plain(value: Any) -> Any:
    """Return a value in the types that YAML writes."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return str(value.absolute()) if isinstance(value, Path) else value
