"""A run from request to record: train, evaluate, write everything, tell the listeners."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cvgl_bench.data.layouts import check_images
from cvgl_bench.data.loading import choose_workers
from cvgl_bench.embedding import provenance
from cvgl_bench.embedding.keys import code_digest
from cvgl_bench.embedding.store import EmbeddingStore
from cvgl_bench.evaluation.evaluate import Place, evaluate, score
from cvgl_bench.evaluation.pairs import Scorer
from cvgl_bench.evaluation.reranking import Reranker
from cvgl_bench.foundation.cache import cache_folder
from cvgl_bench.foundation.errors import CheckpointError, UsageError
from cvgl_bench.foundation.launch import Launch
from cvgl_bench.method import Method, TrainableMethod
from cvgl_bench.networks.answers import built_network
from cvgl_bench.networks.checkpoints import load_weights, save_tensors
from cvgl_bench.networks.memory import recompute_activations
from cvgl_bench.networks.weights import weights_replaced
from cvgl_bench.ranking import OUTCOME, Outcome
from cvgl_bench.running.folder import LOSSES, REQUEST, STATE, STEPS, WEIGHTS, claimed, tidy
from cvgl_bench.running.record import run_record
from cvgl_bench.running.run import Run
from cvgl_bench.scoring.results import Result, Selection, write_result
from cvgl_bench.training.loop import Losses, start, train
from cvgl_bench.training.losses_file import LossesFile
from cvgl_bench.training.monitor import Measured
from cvgl_bench.training.selection import Selector, parted
from cvgl_bench.training.setting import Setting, Training
from cvgl_bench.training.state import Saver, restore_state
from cvgl_bench.training.step import training_facts
from cvgl_bench.training.steps_file import StepsFile


def execute(run: Run) -> Result:
    """Do everything a run does and return its record, which is on disk by then.

    Of several processes the first alone writes, prints and tells the listeners. Raises CvglError for whatever
    a person can mend; the folder then holds no `result.json`, and what is refused before training begins
    leaves no folder.
    """
    if not run.group.first:
        return _execute(run)
    with claimed(run.folder):
        return _execute(run)


def _execute(run: Run) -> Result:
    place, network, reranker = _begin(run)
    store = _open_store(run)
    seconds: dict[str, float] = {}
    selection = Selection(rule="none")
    facts: dict[str, Any] = {}
    if run.trains:
        selection, seconds["train"], facts = _train(run, network, place)
        if run.group.first:
            save_tensors(network.state_dict(), run.folder / WEIGHTS, metadata={"method": run.method.name})
    with _timed(seconds, "evaluate"):
        found = evaluate(
            run.method,
            network,
            run.task.test,
            options=run.options.evaluation,
            place=place,
            store=store,
            reranker=reranker,
            seconds=seconds,
        )
    facts = provenance.environment(place.device, run.group.count) | facts
    if store is not None and store.reused:
        # Else the seconds would speak of a machine that embeds in no time.
        facts["stored_embeddings"] = store.reused
    return run.group.first_says(lambda: _finish(run, found, facts, selection=selection, seconds=seconds))


def _finish(
    run: Run,
    found: Outcome,
    environment: dict[str, Any],
    *,
    selection: Selection,
    seconds: dict[str, float],
) -> Result:
    """Score an outcome, write it and the record of the run, and tell the listeners."""
    found.save(run.folder / OUTCOME)
    with _timed(seconds, "score"):
        scored = score(
            found,
            {id: entry.thing for id, entry in run.plugins.metrics},
            edges=run.task.dataset.decentrality_edges,
        )
    result = run_record(run, environment, found=found, scored=scored, selection=selection, seconds=seconds)
    write_result(result, run.result_path)
    tidy(run.folder)
    run.plugins.hook.cvgl_run_finished(run=run, result=result)
    return result


def _begin(run: Run) -> tuple[Place, nn.Module, Reranker | None]:
    """Return where to compute, the network to start from, and what re-ranks.

    A run refused here leaves no folder.
    """
    try:
        machine, launch = run.options.machine, run.group.launch
        device = choose_device(machine.device, launch)
        run.group.use(device)
        place = Place(device, choose_workers(machine.workers, device, sharing=launch.local_count), run.group)
        _require_pairs_for_all(run)
        _check_task(run)
        reranker = _reranker(run, place)
        return place, _build(run, place), reranker
    except BaseException:
        if not run.resume and run.group.first:
            (run.folder / REQUEST).unlink(missing_ok=True)
            run.folder.rmdir()
        raise


def choose_device(name: str, launch: Launch | None = None) -> torch.device:
    """Return the device of a name ('auto' takes a GPU where there is one), or raise UsageError.

    Of several processes on a machine each takes the GPU of its own number.
    """
    launch = launch or Launch()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if launch.count > 1 and name.startswith("cuda"):
        name = _own_gpu(name, launch)
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _own_gpu(name: str, launch: Launch) -> str:
    if name != "cuda":
        raise UsageError(
            f"--device {name} is one GPU, but {launch.local_count} processes were started. Leave it out: "
            "each takes the GPU of its LOCAL_RANK; CUDA_VISIBLE_DEVICES says which there are."
        )
    available = torch.cuda.device_count()
    if launch.local_count > available:
        raise UsageError(
            f"{launch.local_count} processes were started on a machine with {available} GPUs. Start "
            "one a GPU (`torchrun --nproc-per-node gpu`), or set --device cpu."
        )
    return f"cuda:{launch.local_number}"


def _require_pairs_for_all(run: Run) -> None:
    pairs = run.options.training.batch_size
    if run.trains and run.group.count > pairs:
        raise UsageError(
            f"{run.group.count} processes share a batch of {pairs} pairs: some would have none. Start fewer, "
            "or set a larger training.batch_size."
        )


def _check_task(run: Run) -> None:
    """Find missing images, and what cannot be held out, now rather than hours into training."""
    if run.trains:
        parted(run.task, run.options.training)
    if run.method.needs_images or (run.reranker is not None and run.reranker.needs_images):
        check_images(run.task.test)
    if run.trains and run.method.needs_images:
        check_images(run.task.train)


def _reranker(run: Run, place: Place) -> Reranker | None:
    """Return what re-ranks, tried on one pair: what it cannot use is refused before hours of training."""
    if run.reranker is None:
        return None
    network = build_network(run.reranker, None, seed=run.options.training.seed).to(place.device)
    reranker = Reranker(run.reranker, network)
    Scorer(*reranker, device=place.device, batch_size=1, workers=0).score(
        run.task.test.of_queries(slice(0, 1)), run.task.test.truth[:1, None], shown=False
    )
    return reranker


def seed_everything(seed: int) -> None:
    """Seed the global generators that initial weights and dropout draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def build_network(
    method: Method, checkpoint: Path | None, *, seed: int, say: Callable[[str], None] = lambda text: None
) -> nn.Module:
    """Return a method's network on the CPU with the weights of a file, or with the initial ones of a seed.

    say: receives what a person should know about the file.
    """
    seed_everything(seed)
    if checkpoint is None:
        return built_network(method, method.build())
    with weights_replaced():
        network = built_network(method, method.build())
    load_weights(checkpoint, method, network, say=say)
    return network


def _build(run: Run, place: Place) -> nn.Module:
    if run.checkpoint is None and isinstance(run.method, TrainableMethod) and not run.train:
        raise CheckpointError(f"Evaluating '{run.method.name}' without training it needs --checkpoint FILE.")
    network = build_network(run.method, run.checkpoint, seed=run.options.training.seed, say=run.say)
    if run.options.machine.recompute and run.trains:
        recompute_activations(network)
    return network.to(place.device)


def _train(run: Run, network: nn.Module, place: Place) -> tuple[Selection, float, dict[str, Any]]:
    """Train what is left to train; return the chosen epoch, the seconds of training, and what to record."""
    assert isinstance(run.method, TrainableMethod)
    options = run.options.training
    selector = Selector(run.method, run.task, options, run.options.evaluation, place, run.folder)
    setting = Setting(
        run.method,
        selector.train_split,
        options,
        place.device,
        place.workers,
        log_every=run.options.machine.log_every,
        say=run.say,
        group=place.group,
    )
    state = start(setting, network)
    saver, log = Saver(run.folder / STATE), LossesFile(run.folder / LOSSES)
    if run.resume and run.group.first_says((run.folder / STATE).exists):
        restore_state(state, run.folder / STATE)
        selector.restore()
        run.say(f"continuing after {_reached(state)}")

    steps = StepsFile(run.folder / STEPS, step=state.step) if run.group.first else None

    def on_measured(row: Measured) -> None:
        if steps is not None:
            steps.add(row)
            run.plugins.hook.cvgl_step_finished(run=run, row=row)

    def on_advance(stop: bool) -> None:
        if stop:
            saver.save(state)
            run.say(f"saved after {_reached(state)}")
        else:
            saver.save_if_due(state)

    def on_epoch(losses: Losses, seconds: float) -> None:
        if selector.validates:
            saver.save(state)
        epoch = state.epoch + 1
        # The row says that the listeners have heard of the epoch: a resumed run may come here again.
        if run.group.first and epoch not in log:
            run.plugins.hook.cvgl_epoch_finished(run=run, epoch=epoch, losses=losses)
            log.add(epoch, losses, seconds=seconds)
        found = selector.validate(state.evaluated, epoch)
        if found is not None:
            run.say(f"  recall@1 on {selector.where}: {100 * found:.2f} %")

    train(setting, state, on_advance=on_advance, on_epoch=on_epoch, on_measured=on_measured)
    saver.save(state)
    if state.average is not None:
        network.load_state_dict(state.evaluated.state_dict(), strict=True)
    return selector.finish(network, state.epoch), state.seconds, training_facts(setting, state)


def _reached(state: Training) -> str:
    return f"step {state.batch} of epoch {state.epoch + 1}" if state.batch else f"epoch {state.epoch}"


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


class _timed:
    """Adds the seconds that a block took to a record."""

    def __init__(self, seconds: dict[str, float], phase: str) -> None:
        self._seconds, self._phase = seconds, phase

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._phase] = time.perf_counter() - self._began
