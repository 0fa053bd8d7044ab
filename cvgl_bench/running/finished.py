"""A run that is over, read from its folder: its record, its outcome, and its network to go on with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cvgl_bench.data.splits import Task
from cvgl_bench.data.variants import find_variant
from cvgl_bench.foundation.errors import CheckpointError, DataError
from cvgl_bench.method import Method
from cvgl_bench.networks.checkpoints import file_sha256
from cvgl_bench.ranking import Outcome
from cvgl_bench.running.execution import build_network
from cvgl_bench.running.folder import REQUEST
from cvgl_bench.running.offers import Offers
from cvgl_bench.running.options import RunOptions, resolve_run_options
from cvgl_bench.running.request import Request, finished_request, read_task, seen_as
from cvgl_bench.scoring.outcomes import outcome_of
from cvgl_bench.scoring.results import Result, read_result


@dataclass(frozen=True)
class FinishedRun:
    """A run that is over; what takes time is read when it is first asked for.

    method: the method with the options of the run. options: all of them, by section.
    result: the record of the run.
    """

    folder: Path
    method: Method
    options: RunOptions
    result: Result
    request: Request
    plugins: Offers

    @cached_property
    def network(self) -> nn.Module:
        """The network that was evaluated, on the CPU and in evaluation mode.

        Raises CheckpointError where its weights are not there any more, or are not those of the record.
        """
        checkpoint = self.request.checkpoint
        with _generators_kept():
            network = build_network(self.method, checkpoint, seed=self.options.training.seed)
        if checkpoint is not None and file_sha256(checkpoint) != self.result.checkpoint_sha256:
            raise CheckpointError(
                f"{checkpoint} is not the file that the run in {self.folder} evaluated: it has changed since."
            )
        return network.eval()

    @cached_property
    def outcome(self) -> Outcome:
        """What came out for each query.

        DataError where the file is gone or damaged, ResultError where it is not that of the record.
        """
        return outcome_of(self.result, self.folder)

    @cached_property
    def task(self) -> Task:
        """The data set's split that was run, its test queries seen as they were.

        Raises DataError where the data are not where they were, or are not those of the record.
        """
        asked = self.request
        task = read_task(
            self.plugins,
            dataset=asked.dataset,
            split=asked.split,
            data_root=asked.data_root,
            cities=asked.cities,
            label_edition=asked.label_edition,
        )
        if task.test.fingerprint != self.result.task.fingerprint:
            raise DataError(
                f"The test split of {asked.dataset} in {task.test.root} is not the one that the run in "
                f"{self.folder} was tested on. Say with data_root where that one is."
            )
        return seen_as(task, find_variant(asked.variant, task.dataset))


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Give the global generators their states back after a block that seeds them."""
    ours, numpys = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(ours)
    np.random.set_state(numpys)


def read_run(folder: Path, plugins: Offers, *, data_root: Path | None = None) -> FinishedRun:
    """Read a finished run from its folder.

    data_root: where its data are now, by default where they were. Raises UsageError where the folder holds
    no finished run or no weights of one that trained, UnknownNameError where nobody offers its method,
    ResultError for a damaged record.
    """
    request = finished_request(folder, plugins)
    method = plugins.method(request.method)
    options = resolve_run_options(
        method,
        dataset=request.dataset,
        split=request.split,
        assignments=request.values.items(),
        saved=REQUEST,
    )
    if data_root is not None:
        request = replace(request, data_root=data_root)
    return FinishedRun(folder, method(options.method), options, read_result(folder), request, plugins)
