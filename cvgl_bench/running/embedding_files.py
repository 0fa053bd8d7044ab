"""Embeddings made elsewhere: read from files, ranked on a split, and recorded as what they are."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from cvgl_bench.data.splits import Split, Task
from cvgl_bench.embedding import provenance
from cvgl_bench.evaluation.evaluate import Scores, score
from cvgl_bench.evaluation.many_truths import rank_split
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import EmbeddingError, UsageError
from cvgl_bench.foundation.places import RUNS
from cvgl_bench.foundation.progress import progress
from cvgl_bench.foundation.registry import NAME
from cvgl_bench.networks.checkpoints import file_sha256
from cvgl_bench.ranking import OUTCOME, Outcome, outcome
from cvgl_bench.ranking.precision import Precision
from cvgl_bench.running.folder import make_folder
from cvgl_bench.running.record import task_record
from cvgl_bench.running.run import run_id
from cvgl_bench.scoring.metrics import Metric
from cvgl_bench.scoring.results import RESULT, MethodRecord, Result, Selection, write_result

DISTRIBUTION = "embedding files"
"""What a record names in place of the distribution that offers the method."""


@dataclass(frozen=True)
class EmbeddingFiles:
    """Two `.npy` files, one row a query and one a reference, in the order of `dataset export`."""

    query: Path
    reference: Path
    name: str
    title: str


def read_embeddings(path: Path, split: Split, *, side: Literal["query", "reference"]) -> NDArray[np.floating]:
    """Return the embeddings of one side as a memory map, or raise EmbeddingError naming the file."""
    try:
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EmbeddingError(
            f"{path} cannot be read as an array of numbers in NumPy's .npy format: {error}."
        ) from None
    if not isinstance(rows, np.ndarray):
        raise EmbeddingError(f"{path} is an archive of arrays; give one .npy file with one array.")
    table = split.queries if side == "query" else split.references
    if rows.ndim != 2 or len(rows) != len(table):
        raise EmbeddingError(
            f"{path} holds an array of shape {rows.shape}, but the split has {len(table)} {side} rows. Give "
            "one row each, in the order that `cvgl-bench dataset export` writes."
        )
    return rows


def score_files(
    files: EmbeddingFiles,
    task: Task,
    metrics: Mapping[str, Metric],
    *,
    device: torch.device,
    normalise: bool = True,
    precision: Precision = "auto",
    output: Path | None = None,
) -> tuple[Path, Result]:
    """Rank, score and record embeddings; return the run folder, which `compare` reads, and the record.

    metrics: by id. normalise: bring rows to unit length, or refuse those that are not. precision: as for
    `cvgl_bench.ranking.rank`.
    Raises EmbeddingError for embeddings that cannot be ranked, and then leaves nothing behind.
    """
    if not NAME.fullmatch(files.name):
        raise UsageError(f"The name '{files.name}' is not usable in a file name; use letters, digits and -.")
    if output is not None and output.exists():
        raise UsageError(f"The run folder {output} exists, and a run is never overwritten.")
    began = time.perf_counter()
    options = EvaluationOptions(rank_precision=precision)
    found = _rank(files, task.test, options, device=device, normalise=normalise)
    ranked = time.perf_counter()
    scored = score(found, metrics, edges=task.dataset.decentrality_edges)
    seconds = {"evaluate": ranked - began, "score": time.perf_counter() - ranked}
    result = _record(files, task, scored, options, device=device, seconds=seconds)
    folder = output or RUNS / result.id
    make_folder(folder)
    found.save(folder / OUTCOME)
    write_result(result, folder / RESULT)
    return folder, result


def _rank(
    files: EmbeddingFiles, split: Split, options: EvaluationOptions, *, device: torch.device, normalise: bool
) -> Outcome:
    with progress(None, "rank references") as bar:
        ranking, extra = rank_split(
            read_embeddings(files.query, split, side="query"),
            read_embeddings(files.reference, split, side="reference"),
            split,
            top=options.top,
            precision=options.rank_precision,
            device=device,
            normalise=normalise,
            progress=bar,
        )
    return outcome(ranking, split, extra=extra)


def _record(
    files: EmbeddingFiles,
    task: Task,
    scored: Scores,
    options: EvaluationOptions,
    *,
    device: torch.device,
    seconds: Mapping[str, float],
) -> Result:
    return Result(
        id=run_id(files.name, task.dataset.name, task.split),
        origin="embeddings",
        created=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        task=task_record(task, trained=False),
        method=MethodRecord(name=files.name, title=files.title, distribution=DISTRIBUTION),
        metrics=scored.metrics,
        units=scored.units,
        summary=scored.summary,
        selection=Selection(rule="none"),
        options={
            "embeddings": {
                "query_sha256": file_sha256(files.query),
                "reference_sha256": file_sha256(files.reference),
            },
            "evaluation": dataclasses.asdict(options),
        },
        versions=provenance.versions(),
        commit=provenance.commit(),
        environment=provenance.environment(device),
        seconds={phase: round(value, 2) for phase, value in seconds.items()},
    )
