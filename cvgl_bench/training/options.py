"""What a person may set about training; one loop obeys them for every method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import option
from cvgl_bench.training.sampling.neighbours import NeighbourMetric, NeighbourOwner


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of the training loop."""

    epochs: int = option(40, "Passes over the training queries.", least=1)
    batch_size: int = option(128, "Pairs in a batch, all of which one optimiser step sees.", least=2)
    chunk: Literal["auto"] | int = option(
        "auto",
        "Pairs that go through the network at a time: fewer take less memory, and two passes; auto is the "
        "whole batch, halved where a GPU's memory does not hold it.",
        least=1,
        earlier="auto",
    )
    learning_rate: float = option(1e-3, "Peak learning rate of AdamW.", least=0)
    weight_decay: float = option(0.01, "Weight decay of AdamW.", least=0)
    warmup_epochs: float = option(1.0, "Epochs of linear warm-up before the cosine decay.", least=0)
    clip_value: float = option(100.0, "Each gradient element is clipped to +- this value.", least=0)
    mixed_precision: Literal["auto", "off", "fp16", "bf16"] = option(
        "auto", "Autocast type; auto is fp16 on a GPU and off on a CPU."
    )
    sampling: Literal["random", "neighbours"] = option(
        "neighbours", "Batches at random, or each around a seed pair and its neighbours."
    )
    neighbour_select: int = option(64, "Neighbours that join a seed pair's batch.", least=2)
    neighbour_pool: int = option(128, "Nearest references that neighbours are drawn from.", least=2)
    neighbour_metric: NeighbourMetric = option(
        "great-circle",
        "Distance of geographic neighbours; published code takes degrees for radians.",
        earlier="great-circle",
    )
    neighbour_owner: NeighbourOwner = option(
        "query",
        "What has neighbours: each query, or each reference by the last of its queries (published).",
        earlier="query",
    )
    mine_every: int = option(
        4, "Epochs between searches for similar neighbours; 0 keeps the geographic ones.", least=0
    )
    mine_index: Literal["flat", "ivf", "ivf-pq"] = option(
        "flat",
        "faiss index of that search: flat is exact, the others' recall is measured and printed.",
        earlier="flat",
    )
    keep_covers_apart: bool = option(
        False,
        "Keep a query's semi-positives and further true references out of its batch, where they would be "
        "false negatives.",
    )
    select: Literal["last", "validation", "test"] = option(
        "last", "Epoch to report: the last, or the best on held-out training tiles, or on the test split."
    )
    validation_fraction: float = option(
        0.1, "Share of the training tiles held out where `select` is validation.", least=0, most=0.5
    )
    validate_every: int = option(1, "Epochs between validations where `select` is not last.", least=1)
    seed: int = option(1, "Seed of initial weights, batches and augmentation.", least=0)

    def __post_init__(self) -> None:
        if self.chunk != "auto" and self.chunk > self.batch_size:
            raise OptionError(
                f"training.chunk is {self.chunk}, more than the {self.batch_size} pairs of a batch. "
                "Set it to a part of training.batch_size, or leave it out."
            )


@dataclass(frozen=True)
class MachineOptions:
    """Where a run computes; never part of what is compared."""

    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    workers: int | None = option(None, "Processes that read and augment images; none chooses.", least=0)
    recompute: bool = option(
        False, "Recompute activations instead of keeping them: a fraction of the memory, the same result."
    )
    store_gb: float = option(
        20.0, "Gigabytes on disk for embeddings, the least used going first; 0 keeps none.", least=0
    )
