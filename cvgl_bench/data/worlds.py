"""Data sets that are generated on first use, kept in the cache folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.foundation.cache import WORLDS, cache_folder, mark_used
from cvgl_bench.foundation.errors import DataError, UnknownNameError
from cvgl_bench.foundation.progress import progress

if TYPE_CHECKING:
    from cvgl_bench.minicity import WorldPlan

SEED_MARK = "@"
"""Stands in a data set's name before the seed of its world: mini-dress@2."""
MOST_SEED = 10**9


def seed_of(name: str) -> tuple[str, int]:
    """Return the name of a world and its seed, 0 where the name has none; UnknownNameError for no seed."""
    world, mark, seed = name.partition(SEED_MARK)
    if not mark:
        return name, 0
    if not (seed.isascii() and seed.isdecimal() and str(int(seed)) == seed and 0 < int(seed) <= MOST_SEED):
        raise UnknownNameError(
            f"'{name}': after {SEED_MARK} stands the seed of a generated world, a whole number from 1 to "
            f"{MOST_SEED:,}, such as {world}{SEED_MARK}2; {world} itself is the world of seed 0."
        )
    return world, int(seed)


def reseeded(dataset: Dataset, seed: int) -> Dataset:
    """Return a generated data set's card for the world of another seed; UnknownNameError for real data."""
    if not dataset.generated:
        raise UnknownNameError(
            f"'{dataset.name}{SEED_MARK}{seed}': only generated worlds have other seeds, and {dataset.name} "
            f"is not one. Leave out {SEED_MARK}{seed}."
        )
    name, title = f"{dataset.name}{SEED_MARK}{seed}", f"{dataset.title}, seed {seed}"
    return dataclasses.replace(
        dataset, name=name, title=title, generated=f"{dataset.generated}{SEED_MARK}{seed}"
    )


def is_drawn(dataset: Dataset) -> bool:
    """Return whether the folder of a generated data set holds it, so that `world_root` generates nothing."""
    from cvgl_bench import minicity

    return minicity.holds(*_plan_and_root(dataset))


def world_root(dataset: Dataset) -> Path:
    """Return the folder of a generated data set, generating it if it is not there yet."""
    from cvgl_bench import minicity

    plan, root = _plan_and_root(dataset)
    if not minicity.holds(plan, root):
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"The cache folder {root.parent} cannot be made: {error.strerror}. Set CVGL_CACHE to another."
            ) from None
        with progress(None, f"generate {dataset.name}") as bar:
            reported = 0

            def report(done: int, total: int) -> None:
                nonlocal reported
                bar.set_total(total)
                bar.advance(done - reported)
                reported = done

            minicity.generate(plan, root, progress=report)
    mark_used(root)
    return root


def _plan_and_root(dataset: Dataset) -> tuple[WorldPlan, Path]:
    from cvgl_bench import minicity

    name, seed = seed_of(dataset.generated or "")
    if name not in minicity.PLANS:
        raise DataError(
            f"The card of '{dataset.name}' names the generated world '{dataset.generated}', which does "
            f"not exist. Known: {', '.join(minicity.PLANS)}."
        )
    plan = minicity.PLANS[name]
    if seed:
        plan = dataclasses.replace(plan, name=f"{name}{SEED_MARK}{seed}", seed=seed)
    root = cache_folder() / WORLDS / f"{plan.name}-{minicity.plan_digest(plan)}"
    return plan, root
