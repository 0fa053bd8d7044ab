"""A run from request to record: train, evaluate, write everything, tell the listeners."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cvgl_bench import provenance
from cvgl_bench.cache import cache_folder
from cvgl_bench.checkpoints import file_sha256, load_weights, save_tensors
from cvgl_bench.embedding_keys import code_digest
from cvgl_bench.embedding_store import EmbeddingStore
from cvgl_bench.errors import CheckpointError, UsageError
from cvgl_bench.evaluation import Place, Scores, evaluate, score
from cvgl_bench.layouts import check_images
from cvgl_bench.loading import choose_workers
from cvgl_bench.locks import locked
from cvgl_bench.memory import recompute_activations
from cvgl_bench.method import Method, TrainableMethod
from cvgl_bench.plugins import Plugins
from cvgl_bench.results import RESULT, MethodRecord, Result, Selection, TaskRecord, write_result
from cvgl_bench.retrieval import OUTCOME
from cvgl_bench.run_options import RunOptions
from cvgl_bench.splits import Task
from cvgl_bench.training.loop import Losses, Setting, Training, start, train
from cvgl_bench.training.losses_file import LossesFile
from cvgl_bench.training.selection import BEST, BEST_EPOCH, Selector
from cvgl_bench.training.state import Saver, restore_state
from cvgl_bench.variants import PLAIN, Variant
from cvgl_bench.weights import weights_replaced

WEIGHTS, STATE, LOSSES, REQUEST = ("weights.safetensors", "state.safetensors", "losses.csv", "options.yaml")
"""Names of the files in a run folder, beside its record and its outcome."""

HALF_WRITTEN = (".*.tmp", ".tmp*")
"""Names of files before they are whole: ours, and those that safetensors writes before renaming."""


@dataclass(frozen=True)
class Run:
    """A run in progress: what it does, with what, and where it writes."""

    id: str
    folder: Path
    method: Method
    task: Task
    options: RunOptions
    plugins: Plugins
    leaderboard: Path | None = None
    """Folder of the leaderboards that the result joins, or None to leave them alone."""
    checkpoint: Path | None = None
    """Weights to start from; with `train` False they are what is evaluated."""
    train: bool = True
    resume: bool = False
    say: Callable[[str], None] = field(default=lambda text: None)
    """Receives what the person should read as the run goes on."""

    @property
    def trains(self) -> bool:
        """True where the run trains a network before evaluating it."""
        return self.train and isinstance(self.method, TrainableMethod)

    @property
    def result_path(self) -> Path:
        """Where the record goes; a folder that holds it is a finished run."""
        return self.folder / RESULT


def run_id(method: str, dataset: str, split: str, *, variant: Variant = PLAIN) -> str:
    """Return `<time>-<method>-<dataset>-<split>[-<variant>]`, the name of a run and its default folder.

    The time is UTC to the millisecond, so that runs started together keep apart.
    """
    now = datetime.now(timezone.utc)
    time = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}"
    return "-".join([time, method, dataset, split, *([variant.slug] if variant != PLAIN else [])])


def make_folder(folder: Path) -> None:
    """Create a run folder; one that exists is refused, because a run is never overwritten."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(
            f"The run folder {folder} exists, and a run is never overwritten. Choose another --output, or "
            "continue an interrupted run with --resume."
        ) from None
    except OSError as error:
        raise UsageError(f"The run folder {folder} cannot be made: {error.strerror}.") from None


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep an unfinished run's folder to this process while a block runs.

    Raises UsageError where another process is at work in it, where it is finished, or holds no run.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / REQUEST))
        except BlockingIOError:
            raise UsageError(
                f"Another process is at work on the run in {folder}. Let it end, or stop it and --resume."
            ) from None
        except OSError as error:
            raise UsageError(
                f"{folder} is no run that can go on: its {REQUEST} cannot be opened ({error.strerror})."
            ) from None
        if (folder / RESULT).exists():
            raise UsageError(f"The run in {folder} is finished: it has a {RESULT}.")
        yield


def execute(run: Run) -> Result:
    """Do everything a run does and return its record, which is on disk by then.

    Raises CvglError for whatever a person can mend; the folder then holds no `result.json`, and what
    is refused before training begins leaves no folder.
    """
    with claimed(run.folder):
        return _execute(run)


def _execute(run: Run) -> Result:
    place, network = _begin(run)
    store = _open_store(run)
    seconds: dict[str, float] = {}
    selection = Selection(rule="none")
    if run.trains:
        selection, seconds["train"] = _train(run, network, place)
        save_tensors(network.state_dict(), run.folder / WEIGHTS, metadata={"method": run.method.name})
    with _timed(seconds, "evaluate"):
        found = evaluate(
            run.method,
            network,
            run.task.test,
            options=run.options.evaluation,
            place=place,
            store=store,
        )
    found.save(run.folder / OUTCOME)
    with _timed(seconds, "score"):
        scored = score(
            found,
            {id: entry.thing for id, entry in run.plugins.metrics},
            edges=run.task.dataset.decentrality_edges,
            options=run.options.evaluation,
        )
    environment = provenance.environment(place.device)
    if store is not None and store.reused:
        # Else the seconds would speak of a machine that embeds in no time.
        environment["stored_embeddings"] = store.reused
    result = _record(run, environment, scored=scored, selection=selection, seconds=seconds)
    write_result(result, run.result_path)
    _tidy(run.folder)
    run.plugins.hook.cvgl_run_finished(run=run, result=result)
    return result


def _begin(run: Run) -> tuple[Place, nn.Module]:
    """Return where to compute and the network to start from; a run refused here leaves no folder."""
    try:
        machine = run.options.machine
        place = Place(choose_device(machine.device), choose_workers(machine.workers))
        _check_task(run)
        return place, _build(run, place)
    except BaseException:
        if not run.resume:
            (run.folder / REQUEST).unlink(missing_ok=True)
            run.folder.rmdir()
        raise


def choose_device(name: str) -> torch.device:
    """Return the device of a name ('auto' takes a GPU where there is one), or raise UsageError."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _check_task(run: Run) -> None:
    """Find missing images now rather than hours into training."""
    if not run.method.needs_images:
        return
    check_images(run.task.test)
    if run.trains:
        check_images(run.task.train)


def seed_everything(seed: int) -> None:
    """Seed the global generators that initial weights and dropout draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _build(run: Run, place: Place) -> nn.Module:
    seed_everything(run.options.training.seed)
    if run.checkpoint is not None:
        with weights_replaced():
            network = run.method.build()
        load_weights(run.checkpoint, run.method, network)
    elif isinstance(run.method, TrainableMethod) and not run.train:
        raise CheckpointError(f"Evaluating '{run.method.name}' without training it needs --checkpoint FILE.")
    else:
        network = run.method.build()
    if run.options.machine.recompute and run.trains:
        recompute_activations(network)
    return network.to(place.device)


def _train(run: Run, network: nn.Module, place: Place) -> tuple[Selection, float]:
    """Train what is left to train; return the chosen epoch and the seconds of all that was trained."""
    options = run.options.training
    selector = Selector(run.method, run.task, options, run.options.evaluation, place, run.folder)
    setting = Setting(run.method, selector.train_split, options, place.device, place.workers, run.say)
    state = start(setting, network)
    saver, log = Saver(run.folder / STATE), LossesFile(run.folder / LOSSES)
    if run.resume and (run.folder / STATE).exists():
        restore_state(state, run.folder / STATE)
        selector.restore()
        run.say(f"continuing after {_reached(state)}")

    def on_advance(stop: bool) -> None:
        if stop:
            saver.save(state)
            run.say(f"stopped after {_reached(state)}; continue with `cvgl-bench run --resume {run.folder}`")
        else:
            saver.save_if_due(state)

    def on_epoch(losses: Losses, seconds: float) -> None:
        if selector.validates:
            saver.save(state)
        epoch = state.epoch + 1
        # The row says that the listeners have heard of the epoch: a resumed run may come here again.
        if epoch not in log:
            run.plugins.hook.cvgl_epoch_finished(run=run, epoch=epoch, losses=losses)
            log.add(epoch, losses, seconds=seconds)
        found = selector.validate(network, epoch)
        if found is not None:
            run.say(f"  recall@1 on {selector.where}: {100 * found:.2f} %")

    train(setting, state, on_advance=on_advance, on_epoch=on_epoch)
    saver.save(state)
    return selector.finish(network, state.epoch), state.seconds


def _reached(state: Training) -> str:
    return f"{state.batch} steps of epoch {state.epoch + 1}" if state.batch else f"epoch {state.epoch}"


def _tidy(folder: Path) -> None:
    """Remove what only resuming needs, and what killed processes left half-written."""
    for pattern in (STATE, BEST, BEST_EPOCH, *HALF_WRITTEN):
        for path in folder.glob(pattern):
            path.unlink()


def _open_store(run: Run) -> EmbeddingStore | None:
    """Return the store of the weights that are reported; validation in between keeps nothing.

    Opened before training, in whose course somebody may edit the code that runs.
    """
    limit_bytes = run.options.machine.store_gb * 1e9
    code = code_digest(type(run.method))
    if not limit_bytes or code is None:
        return None
    context = {
        "dataset": run.task.dataset.name,
        "split": run.task.split,
        "label_edition": run.task.label_edition,
        "code": code,
        "distribution": str(run.plugins.methods.entry(run.method.name).origin),
    }
    return EmbeddingStore(cache_folder(), limit_bytes=limit_bytes, context=context, say=run.say)


def _record(
    run: Run,
    environment: dict[str, Any],
    *,
    scored: Scores,
    selection: Selection,
    seconds: dict[str, float],
) -> Result:
    entry = run.plugins.methods.entry(run.method.name)
    weights = run.folder / WEIGHTS
    evaluated = weights if weights.exists() else run.checkpoint
    options = run.options.values()
    if not run.trains:
        options["training"] = {"seed": run.options.training.seed}
    return Result(
        id=run.id,
        origin="measured",
        created=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        task=task_record(run.task, trained=run.trains),
        method=MethodRecord(
            name=run.method.name,
            title=run.method.title,
            distribution=entry.origin.distribution,
            version=entry.origin.version,
        ),
        metrics=scored.metrics,
        units=scored.units,
        summary=scored.summary,
        selection=selection,
        options=options,
        versions=provenance.versions(),
        commit=provenance.commit(),
        checkpoint_sha256=file_sha256(evaluated) if evaluated else None,
        environment=environment,
        seconds={phase: round(value, 2) for phase, value in seconds.items()},
    )


def task_record(task: Task, *, trained: bool) -> TaskRecord:
    """Return what a record says of the task; `trained` where its training split was used."""
    test = task.test
    return TaskRecord(
        dataset=task.dataset.name,
        split=task.split,
        cities=sorted(test.queries["city"].unique().tolist()),
        partial=task.partial,
        label_edition=task.label_edition,
        variant=str(test.variant),
        query_count=len(test.queries),
        reference_count=len(test.references),
        fingerprint=test.fingerprint,
        train_fingerprint=task.train.fingerprint if trained else "",
    )


class _timed:
    """Adds the seconds that a block took to a record."""

    def __init__(self, seconds: dict[str, float], phase: str) -> None:
        self._seconds, self._phase = seconds, phase

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._phase] = time.perf_counter() - self._began
