"""What a person may set about training; one loop obeys them for every method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cvgl_bench.foundation.errors import OptionError, suggest
from cvgl_bench.foundation.options import option
from cvgl_bench.training.sampling.neighbours import NeighbourMetric, NeighbourOwner
from cvgl_bench.training.schedule import Form
from cvgl_bench.views.images import Decode


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
    optimizer: str = option("adamw", "Any optimiser of timm, by its name there.", earlier="adamw")
    momentum: float = option(
        0.9, "Momentum, of optimisers with one number for it such as sgd.", least=0, most=1, earlier=0.9
    )
    learning_rate: float = option(1e-3, "Peak learning rate.", least=0)
    scale_rate: Literal["none", "linear", "sqrt"] = option(
        "none",
        "Scale the learning rate by batch_size / published_batch_size, or by its square root.",
        earlier="none",
    )
    published_batch_size: int | None = option(
        None, "Pairs in a batch of the publication that learning_rate was taken from.", least=2, earlier=None
    )
    weight_decay: float = option(0.01, "Weight decay.", least=0)
    decay_on: Literal["all", "matrices"] = option(
        "all",
        "Parameters that decay: all, or not those that are a bias, a norm or one number.",
        earlier="all",
    )
    schedule: Form = option("cosine", "How the learning rate falls after the warm-up.", earlier="cosine")
    schedule_end: float = option(
        0.0, "Share of the peak learning rate that no schedule falls below.", least=0, most=1, earlier=0.0
    )
    schedule_power: float = option(1.0, "Of schedule poly; 1 is a straight line.", least=0, earlier=1.0)
    schedule_every: int = option(10, "Epochs between the falls of schedule step.", least=1, earlier=10)
    schedule_factor: float = option(
        0.1, "What each fall of schedule step multiplies the rate by.", least=0, most=1, earlier=0.1
    )
    warmup_epochs: float = option(1.0, "Epochs of linear warm-up before the schedule.", least=0)
    clip_value: float | None = option(100.0, "Each gradient element is clipped to +- this value.", least=0)
    clip_norm: float | None = option(
        None, "The gradient is scaled down to this norm, after `clip_value`.", least=0, earlier=None
    )
    sharpness: Literal["none", "sam", "asam"] = option(
        "none",
        "Step by the gradient at the worst weights nearby (twice the time), near by distance or by size.",
        earlier="none",
    )
    rho: float = option(
        0.05, "How near that is; 0.05 for sam and 0.5 for asam were published.", least=0, earlier=0.05
    )
    ema_decay: float = option(
        0.0,
        "Share of the moving average of the weights that each step keeps; above 0, the average is what is "
        "evaluated and saved.",
        least=0,
        most=0.999999,
        earlier=0.0,
    )
    mixed_precision: Literal["auto", "off", "fp16", "bf16"] = option(
        "auto", "Autocast type; auto is fp16 on a GPU and off on a CPU."
    )
    decode: Decode = option(
        "exact",
        "Training images as stored, or scaled: decoded at the smallest eighth of their size that the method "
        "needs, in a fraction of the time.",
        earlier="exact",
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
    select: Literal["last", "validation", "validation-city", "test"] = option(
        "last",
        "Epoch to report: the last, or the best on held-out training tiles, on a training city left out, or "
        "on the test split.",
    )
    validation_fraction: float = option(
        0.1, "Share of the training tiles held out where `select` is validation.", least=0, most=0.5
    )
    validation_city: str | None = option(
        None,
        "Training city left out where `select` is validation-city; none takes the last by name.",
        earlier=None,
    )
    validate_every: int = option(1, "Epochs between validations where `select` is not last.", least=1)
    seed: int = option(1, "Seed of initial weights, batches and augmentation.", least=0)
    tuned_on: Literal["unknown", "none", "published", "validation", "test"] = option(
        "unknown",
        "By what these settings were chosen: nothing, a publication, validation, or the test split.",
        earlier="unknown",
    )
    tries: int | None = option(None, "Settings that were compared to choose these.", least=1, earlier=None)

    def __post_init__(self) -> None:
        _check_optimizer(self.optimizer)
        if self.scale_rate != "none" and self.published_batch_size is None:
            raise OptionError(
                f"training.scale_rate is {self.scale_rate}, but no recipe says with which batch the learning "
                "rate was published. Give training.published_batch_size, or leave scale_rate out."
            )
        if self.chunk != "auto" and self.chunk > self.batch_size:
            raise OptionError(
                f"training.chunk is {self.chunk}, more than the {self.batch_size} pairs of a batch. "
                "Set it to a part of training.batch_size, or leave it out."
            )


def _check_optimizer(name: str) -> None:
    """Raise OptionError unless timm has an optimiser of this name that can train here."""
    if name == "adamw":
        return
    # Importing timm takes seconds, which listing options would pay for nothing.
    from timm.optim import get_optimizer_info, list_optimizers

    known = [str(name) for name in list_optimizers()]
    if name not in known:
        raise OptionError(
            f"training.optimizer is '{name}', which timm does not have.{suggest(name, known)} "
            f"Known: {', '.join(known)}."
        )
    if get_optimizer_info(name).second_order:
        raise OptionError(
            f"training.optimizer is '{name}', which needs second derivatives that the loop does not compute. "
            "Choose another."
        )


@dataclass(frozen=True)
class MachineOptions:
    """Where a run computes; never part of what is compared."""

    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    workers: int | None = option(None, "Processes that read and augment images; none chooses.", least=0)
    recompute: bool = option(
        False, "Recompute activations instead of keeping them: a fraction of the memory, the same result."
    )
    log_every: int = option(
        20, "Steps between two rows of steps.csv: losses, rate, pairs a second, waiting.", least=1
    )
    wait_s: float = option(
        600.0,
        "Seconds that processes of one run wait for one of them that hangs, before all end.",
        least=1,
        earlier=600.0,
    )
    tensorboard: bool = option(
        False, "Write the same to TensorBoard in the run's folder; needs cvgl-bench[tensorboard]."
    )
    store_gb: float = option(
        20.0, "Gigabytes on disk for embeddings, the least used going first; 0 keeps none.", least=0
    )
