"""What a training run is given, and all that it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from cvgl_bench.data.splits import Split
from cvgl_bench.foundation.group import ALONE, ProcessGroup
from cvgl_bench.method import TrainableMethod
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.shard import Shard


@dataclass
class Recent:
    """What the steps since the last measurement add up to."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    """Sum of every loss term over them."""
    steps: int = 0
    began_s: float = 0.0
    """What `Training.seconds` was when the first of them began."""
    waited_s: float = 0.0
    """Time that the loop waited for their data."""


@dataclass
class Training:
    """Everything that a training run changes: restoring it continues the run."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    chunk: int
    """Pairs that go through the network at a time; a batch of more is gone through twice."""
    average: ModelEmaV3 | None = None
    """The moving average of the network's weights and buffers, where one is kept."""
    neighbours: NDArray[np.int64] | None = None
    """int64 (Q, pool), rows of each query's neighbour references; None until first needed."""
    epoch: int = 0
    """Epochs finished."""
    step: int = 0
    """Optimiser steps taken."""
    batch: int = 0
    """Batches of the epoch in progress that are done; its batches follow from seed, epoch and neighbours."""
    sums: dict[str, Tensor] = field(default_factory=dict)
    """Sum of every loss term over those batches."""
    seconds: float = 0.0
    """Time that training took so far, interruptions left out."""
    epoch_began_s: float = 0.0
    """What `seconds` was when the epoch in progress began."""
    recent: Recent = field(default_factory=Recent)
    shard: Shard = field(default_factory=Shard)
    """The part of every batch that this process computes; no part of what is saved."""
    started_at: float = field(default_factory=time.perf_counter)
    """When training would have started, had it never been interrupted; by the clock of this process."""

    def tick(self) -> None:
        """Bring `seconds` up to the moment."""
        self.seconds = time.perf_counter() - self.started_at

    @property
    def evaluated(self) -> nn.Module:
        """The network whose weights are evaluated and reported: the average, where one is kept."""
        return self.network if self.average is None else self.average.module

    def finish_epoch(self) -> None:
        """Go on to the next epoch."""
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, {}
        self.epoch_began_s = self.seconds


@dataclass(frozen=True)
class Setting:
    """What a training run does not change."""

    method: TrainableMethod
    split: Split
    options: TrainingOptions
    device: torch.device
    workers: int
    log_every: int
    """Steps between two measurements."""
    say: Callable[[str], None]
    """Tells the person who waits what was found."""
    group: ProcessGroup = ALONE
    """The processes that share the work."""
