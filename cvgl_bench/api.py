"""What a notebook starts with: read a split or a finished run, embed, evaluate.

The examples were run beside a card, its data, and the folder of a finished run.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cvgl_bench.data.dataset import Dataset
from cvgl_bench.data.loading import choose_workers
from cvgl_bench.data.splits import Split, Task
from cvgl_bench.embedding.images import embed_split
from cvgl_bench.evaluation import evaluate as evaluation
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.evaluation.reranking import Reranker
from cvgl_bench.method import Method, PairMethod, View
from cvgl_bench.networks.answers import built_network
from cvgl_bench.ranking import OUTCOME, Outcome
from cvgl_bench.ranking import read_outcome as read_outcome_file
from cvgl_bench.running.execution import choose_device
from cvgl_bench.running.finished import FinishedRun, read_run
from cvgl_bench.running.request import read_task
from cvgl_bench.running.reranker import find_reranker

AnyPath = str | PathLike[str]

DEFAULTS = EvaluationOptions()
"""Options that results are compared with."""


def load_split(
    dataset: AnyPath | Dataset,
    split: str,
    *,
    data_root: AnyPath | None = None,
    cities: Sequence[str] | None = None,
    label_edition: str | None = None,
) -> Task:
    """Read a split of a data set: its parts `train` and `test`, and the card `dataset`; no image is opened.

    dataset: a name, the path of a card, or a card. A generated one is made on first use.
    data_root: its folder, by default the one of its name in the folder that CVGL_DATA names.
    cities: a subset; what comes of it is not comparable with results on all. label_edition: the one
        wanted, where there are several.

    Raises UsageError for what the data set does not have, DataError for files that cannot be used.

    >>> task = load_split("my-card.yaml", "cross", data_root="my-data")
    >>> len(task.test), len(task.test.references)
    (18, 9)
    >>> task.test.queries["city"].unique().tolist()
    ['Bb']
    >>> task.test.truth.shape, task.test.covers.shape, task.test.position_px.shape
    ((18,), (18, 3), (18, 2))
    """
    from cvgl_bench.plugins import load_plugins

    return read_task(
        load_plugins(),
        dataset=dataset if isinstance(dataset, Dataset) else str(dataset),
        split=split,
        data_root=None if data_root is None else Path(data_root),
        cities=None if cities is None else tuple(cities),
        label_edition=label_edition,
    )


def load_run(folder: AnyPath, *, data_root: AnyPath | None = None) -> FinishedRun:
    """Read a finished run: its `method`, `options`, `result`, `outcome`, `network` and `task`.

    The network is on the CPU, in evaluation mode, and has the weights that were evaluated. Network, outcome
    and task are read when they are first asked for. data_root: where the data are now, by default where
    they were.

    Raises UsageError where the folder holds no finished run, UnknownNameError where its method is not
    installed; CheckpointError or DataError where weights or data are not those of the record any more.

    >>> run = load_run("my-run")
    >>> run.method.title, run.options.training.epochs
    ('Mean colour', 2)
    >>> run.outcome.ranking.rank.shape == (run.result.task.query_count,)
    True
    """
    from cvgl_bench.plugins import load_plugins

    return read_run(Path(folder), load_plugins(), data_root=None if data_root is None else Path(data_root))


def embed(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    view: View,
    options: EvaluationOptions = DEFAULTS,
    device: str = "auto",
    workers: int | None = None,
) -> NDArray[np.float32]:
    """Return the embeddings (N, D) of one view of a split: float32, of unit length, in row order.

    view: 'query' or 'reference'. options: batch size and precision. device: 'auto' takes a GPU where there
    is one; the network is moved there and put in evaluation mode. workers: processes that read images, by
    default one a core up to eight, half as many on a CPU; 0 reads in this process, as a method defined in a
    notebook may need.

    Raises EmbeddingError naming the first image whose embedding is not finite or is zero.

    >>> run = load_run("my-run")
    >>> queries = embed(run.method, run.network, run.task.test, view="query", workers=0)
    >>> queries.shape, queries.dtype
    ((18, 8), dtype('float32'))
    """
    place = _place(device, workers)
    return embed_split(
        method,
        network.to(place.device),
        split,
        view=view,
        device=place.device,
        batch_size=options.embed_batch_size,
        workers=place.workers,
        mixed_precision=options.embed_precision,
        decode=options.decode,
    )


def evaluate(
    method: Method,
    network: nn.Module,
    split: Split,
    *,
    options: EvaluationOptions = DEFAULTS,
    device: str = "auto",
    workers: int | None = None,
) -> Outcome:
    """Rank every reference of a split for each of its queries, as `cvgl-bench run` does.

    The outcome holds a row a query: rank of the truth, best references, distance, and where the method
    locates its position errors. `summarise` makes metrics of it. options, device, workers: as for `embed`;
    the best references are re-ordered where `options.rerank` names a method.

    >>> run = load_run("my-run")
    >>> outcome = evaluate(run.method, run.network, run.task.test, options=run.options.evaluation, workers=0)
    >>> bool((outcome.ranking.rank == run.outcome.ranking.rank).all())
    True
    >>> outcome.ranking.top_rows.shape  # of nine references
    (18, 9)
    """
    place, reranker = _place(device, workers), None
    second = _reranker_of(options, split)
    if second is not None:
        reranker = Reranker(second, built_network(second, second.build()).to(place.device))
    return evaluation.evaluate(
        method, network.to(place.device), split, options=options, place=place, reranker=reranker
    )


def read_outcome(path: AnyPath) -> Outcome:
    """Read the outcome of a run's folder, or what `Outcome.save` wrote; DataError names what is wrong.

    >>> outcome = read_outcome("my-run")
    >>> len(outcome), outcome.reference_count, sorted(set(outcome.city.tolist()))
    (18, 9, ['Bb'])
    """
    path = Path(path)
    return read_outcome_file(path / OUTCOME if path.is_dir() else path)


def _reranker_of(options: EvaluationOptions, split: Split) -> PairMethod | None:
    """Return the method that re-ranks, if options speak of one: plugins are loaded only then."""
    if options.rerank == "none" and not options.rerank_set:
        return None
    from cvgl_bench.plugins import load_plugins

    return find_reranker(options, split, load_plugins())


def _place(device: str, workers: int | None) -> evaluation.Place:
    chosen = choose_device(device)
    return evaluation.Place(chosen, choose_workers(workers, chosen))
