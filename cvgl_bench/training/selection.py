"""Choosing the epoch to report: the last, or the best on held-out tiles, on a city, or on the test split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from cvgl_bench.data.splits import Split, Task
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import CheckpointError, TrainingError, suggest
from cvgl_bench.foundation.whole_files import write_text
from cvgl_bench.method import Method
from cvgl_bench.networks.checkpoints import read_tensors, save_tensors
from cvgl_bench.scoring.results import Selection
from cvgl_bench.training.options import TrainingOptions

BEST, BEST_EPOCH = "best.safetensors", "best.json"


class Selector:
    """Holds out what validation needs and keeps the best weights on disk."""

    def __init__(
        self,
        method: Method,
        task: Task,
        options: TrainingOptions,
        evaluation: EvaluationOptions,
        place: Place,
        folder: Path,
    ) -> None:
        self._method, self._options = method, options
        # Epochs are compared by what is trained; a re-ranker looks at the chosen one.
        self._evaluation = replace(evaluation, rerank="none")
        self._place, self._folder = place, folder
        self._best = -1.0
        self._best_epoch: int | None = None
        self.train_split, self._held_out = parted(task, options)
        self._city: str | None = None
        if options.select == "validation-city" and self._held_out is not None:
            self._city = str(self._held_out.queries["city"].iloc[0])
        self.where = {
            "validation": "held-out training tiles",
            "validation-city": f"{self._city}, which is left out of training",
            "test": "the test split",
        }.get(options.select, "")

    @property
    def validates(self) -> bool:
        """Whether epochs are compared at all."""
        return self._held_out is not None

    def validate(self, network: nn.Module, epoch: int) -> float | None:
        """Return recall@1 after an epoch (None where nothing is validated) and keep the best weights."""
        due = epoch % self._options.validate_every == 0 or epoch == self._options.epochs
        if self._held_out is None or not due:
            return None
        outcome = evaluate(
            self._method, network, self._held_out, options=self._evaluation, place=self._place, locate=False
        )
        recall = float((outcome.ranking.rank == 0).mean())
        if recall > self._best:
            if self._place.group.first:
                save_tensors(network.state_dict(), self._folder / BEST, metadata={"epoch": str(epoch)})
                record = json.dumps({"epoch": epoch, "recall@1": recall})
                write_text(self._folder / BEST_EPOCH, record + "\n")
            self._best, self._best_epoch = recall, epoch
        return recall

    def restore(self) -> None:
        """Take up the best epoch that an interrupted run had found."""
        self._best, self._best_epoch = self._place.group.first_says(self._read_best)

    def _read_best(self) -> tuple[float, int | None]:
        if (self._folder / BEST_EPOCH).exists():
            try:
                record = json.loads((self._folder / BEST_EPOCH).read_text(encoding="utf-8"))
                return float(record["recall@1"]), int(record["epoch"])
            except (OSError, ValueError, KeyError, TypeError):
                raise CheckpointError(
                    f"{self._folder / BEST_EPOCH} is damaged, so that the best epoch is unknown. Train again."
                ) from None
        return self._best, self._best_epoch

    def finish(self, network: nn.Module, last_epoch: int) -> Selection:
        """Load the chosen epoch's weights into `network` and say which it is."""
        if self._best_epoch is None:
            return Selection(rule="last", epoch=last_epoch)
        best = self._place.group.first_says(lambda: read_tensors(self._folder / BEST))
        network.load_state_dict(best, strict=True)
        return Selection(rule=self._options.select, epoch=self._best_epoch, city=self._city)


def parted(task: Task, options: TrainingOptions) -> tuple[Split, Split | None]:
    """Return what to train on, and what epochs are compared on, None where they are not.

    Raises TrainingError where there is nothing to hold out.
    """
    if options.select == "validation":
        return hold_out(task.train, options.validation_fraction, seed=options.seed)
    if options.select == "validation-city":
        return leave_out(task.train, options.validation_city)
    return task.train, task.test if options.select == "test" else None


def leave_out(split: Split, city: str | None) -> tuple[Split, Split]:
    """Return (training, validation) splits of all cities but one, and of that one with all its tiles.

    city: None for the last by name.
    """
    cities = sorted(split.queries["city"].unique())
    if len(cities) < 2:
        raise TrainingError(
            f"select=validation-city leaves a training city out, but {split.name} trains on {cities[0]} "
            "alone. Set select=validation or select=last."
        )
    if city is None:
        city = cities[-1]
    if city not in cities:
        raise TrainingError(
            f"validation_city is '{city}', but {split.name} does not train on it.{suggest(city, cities)} "
            f"It trains on {', '.join(cities)}."
        )
    held = split.queries["city"].to_numpy(str) == city
    tiles = np.flatnonzero(split.references["city"].to_numpy(str) == city)
    return _part(split, ~held, "train"), _part(split, held, "validation", references=tiles)


def hold_out(split: Split, fraction: float, *, seed: int) -> tuple[Split, Split]:
    """Return (training, validation) splits that share no positive tile.

    A seeded share of the positive tiles moves to validation with all its queries; the references of
    validation are those tiles alone.
    """
    tiles = np.unique(split.truth)
    count = round(fraction * len(tiles))
    if not 0 < count < len(tiles):
        raise TrainingError(
            f"Holding out {fraction:g} of {len(tiles)} training tiles leaves nothing on one side; "
            "change `validation_fraction` or set `select=last`."
        )
    chosen = np.random.default_rng(seed).choice(tiles, count, replace=False)
    held = np.isin(split.truth, chosen)
    return _part(split, ~held, "train"), _part(split, held, "validation", references=np.sort(chosen))


def _part(split: Split, mask: np.ndarray, name: str, *, references: np.ndarray | None = None) -> Split:
    rows = np.arange(len(split.references)) if references is None else references
    new_row = np.full(len(split.references) + 1, -1)
    new_row[rows] = np.arange(len(rows))
    return Split(
        name=f"{split.name}/{name}",
        root=split.root,
        references=split.references.iloc[rows].reset_index(drop=True),
        queries=split.queries[mask].reset_index(drop=True),
        truth=new_row[split.truth[mask]],
        covers=new_row[split.covers[mask]],
        position_px=split.position_px[mask],
        also_true=new_row[split.also_true[mask]],
    )
