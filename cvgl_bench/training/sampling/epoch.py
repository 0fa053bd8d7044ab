"""What the batches of an epoch are: at random, or around neighbours by distance and then by similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cvgl_bench.embedding.images import embed_split
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.method import View
from cvgl_bench.ranking import nearest
from cvgl_bench.ranking.neighbours import QUERY_ROWS, Neighbours
from cvgl_bench.training.sampling import gps_neighbours, neighbour_batches, random_batches, similar_neighbours
from cvgl_bench.training.setting import Setting, Training


def epoch_batches(setting: Setting, state: Training, epoch: int) -> NDArray[np.int64]:
    """Return the rows of the training queries in every batch of an epoch (from 1), int64 (batches, B).

    They follow from seed, epoch and `state.neighbours`, which is brought up to date where that is due.
    """
    options, split = setting.options, setting.split
    generator = np.random.default_rng([options.seed, epoch])
    avoid = np.hstack([split.covers, split.also_true]) if options.keep_covers_apart else None
    if options.sampling == "random":
        return random_batches(split.truth, options.batch_size, generator=generator, avoid=avoid)
    if state.neighbours is None:
        state.neighbours = _by_distance(setting)
    due = options.mine_every and epoch > 1 and (epoch - 1) % options.mine_every == 0
    if due and state.batch == 0:
        state.neighbours = _by_similarity(setting, state.network, epoch)
    return neighbour_batches(
        state.neighbours,
        split.truth,
        batch_size=options.batch_size,
        select=options.neighbour_select,
        generator=generator,
        avoid=avoid,
    )


def _by_distance(setting: Setting) -> NDArray[np.int64]:
    if not setting.split.has_coordinates:
        raise TrainingError(
            f"sampling={setting.options.sampling} starts from neighbours by distance, but this data set has "
            "no coordinates. Set sampling=random."
        )
    positions = (
        table[["lat", "lon"]].to_numpy(np.float64)
        for table in (setting.split.queries, setting.split.references)
    )
    return gps_neighbours(
        *positions,
        truth=setting.split.truth,
        pool=setting.options.neighbour_pool,
        metric=setting.options.neighbour_metric,
        owner=setting.options.neighbour_owner,
    )


def _by_similarity(setting: Setting, network: nn.Module, epoch: int) -> NDArray[np.int64]:
    """Return each query's most similar references under the current weights."""
    split, pool = setting.split, setting.options.neighbour_pool
    used = np.unique(split.truth)
    sides: tuple[tuple[View, list[int] | None], ...] = (("query", None), ("reference", used.tolist()))
    queries, references = (
        embed_split(
            setting.method,
            network,
            split,
            view=view,
            rows=rows,
            device=setting.device,
            batch_size=setting.options.batch_size,
            workers=setting.workers,
            mixed_precision=setting.options.mixed_precision,
            group=setting.group,
            decode=setting.options.decode,
        )
        for view, rows in sides
    )
    found = _nearest(setting, queries, references)
    setting.say(f"  mined for epoch {epoch}: {found}")
    owner = setting.options.neighbour_owner
    return similar_neighbours(used[found.rows], truth=split.truth, pool=pool, owner=owner)


def _nearest(setting: Setting, queries: NDArray[np.float32], references: NDArray[np.float32]) -> Neighbours:
    """Search among the references, each process for its share of the queries; an index is built by one."""
    group, index = setting.group, setting.options.mine_index
    k = setting.options.neighbour_pool + 1
    if index != "flat":
        return group.first_says(lambda: nearest(queries, references, k, index=index))
    # Whole blocks, as one process hands them on, so that the last digits of scores are the same.
    own = group.share(len(queries), unit=QUERY_ROWS)
    parts = [] if own.start == own.stop else [nearest(queries[own], references, k, index=index)]
    parts = [part for own_parts in group.collect(parts) for part in own_parts]
    rows = np.concatenate([part.rows for part in parts])
    return Neighbours(rows, np.concatenate([part.scores for part in parts]), "flat", 1.0)
