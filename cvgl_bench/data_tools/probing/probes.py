"""Runs the probes on a split: how many queries each finds, against chance, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from cvgl_bench.data.splits import Split, Task
from cvgl_bench.data_tools.probing.discs import COLOUR_DISC, FINGERPRINT, Matcher
from cvgl_bench.data_tools.probing.features import PAIRINGS, Feature, Pairing
from cvgl_bench.data_tools.probing.positions import PositionCode, position_codes
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.foundation.progress import Progress, Silent
from cvgl_bench.scoring.statistics.intervals import wilson
from cvgl_bench.views.discs import Slide
from cvgl_bench.views.images import ImageArray, read_image

Floats = NDArray[np.float64]

RIDGE = 1.0
"""Weight of the penalty, in units of a standardised feature's variance per training pair of 100."""
TELLING = 0.005
"""Probability of so many hits by chance below which a probe is said to tell something: with eight probes
of nothing, one in twenty-five data sets is accused."""
EYE_M = 2.5
"""Height of a street camera above the ground, where nothing else is known."""


@dataclass(frozen=True)
class Finding:
    """How many queries a probe finds: hits of `queries`, among `references`."""

    name: str
    hits: int
    queries: int
    references: int

    @property
    def recall(self) -> float:
        """Share of the queries whose reference scores highest; ties count against."""
        return self.hits / self.queries

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the recall (Wilson), queries taken as independent."""
        return wilson(self.hits, self.queries)

    @property
    def chance(self) -> float:
        """Recall of guessing."""
        return 1 / self.references

    @property
    def verdict(self) -> str:
        """What the figure means, in words."""
        found = binomtest(self.hits, self.queries, self.chance, alternative="greater")
        if found.pvalue > TELLING:
            return "tells nothing"
        return f"tells something: {self.recall / self.chance:.0f} times chance"


@dataclass(frozen=True)
class Probes:
    """What all probes found."""

    findings: tuple[Finding, ...]
    codes: tuple[PositionCode, ...]
    """One for each pair of cities; none where a split has one city or no grid of tiles."""


def probe(
    task: Task,
    *,
    queries: int = 1000,
    disc_queries: int = 48,
    disc_references: int = 256,
    eye_m: float = EYE_M,
    seed: int = 0,
    progress: Progress | None = None,
) -> Probes:
    """Run every probe on a task's test split; fitted ones learn from its training pairs.

    queries: how many are drawn, of the test queries and of the training pairs. disc_queries,
    disc_references: the same for the discs, which are slid over every place of every tile. eye_m: height
    of the camera. The draw follows from `seed`. Raises DataError for images that cannot be read.
    """
    if min(queries, disc_queries, disc_references) < 2:
        raise UsageError("A probe needs at least 2 queries and 2 references.")
    report = progress or Silent()
    rng = np.random.default_rng(seed)
    train = _drawn(task.train, queries, rng)
    test = _drawn(task.test, queries, rng)
    report.set_total(2 * len(train) + len(test) + len(task.test.references) + 2 * disc_queries)
    learnt = _features(task.train, train, task.train.truth[train], report)
    asked = _features(task.test, test, np.arange(len(task.test.references)), report)
    findings = [
        _find(pairing, learnt[k], asked[k], task.test, test, task.train, train)
        for k, pairing in enumerate(PAIRINGS)
    ]
    rows = test[: min(disc_queries, len(test))]
    few = _few_references(task.test, rows, disc_references, rng)
    for matcher in (FINGERPRINT, COLOUR_DISC):
        findings.append(_slide(matcher, task.test, rows, few, eye_m, report))
    return Probes(tuple(findings), position_codes(task))


def _drawn(split: Split, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(len(split))[:count]


Sides = tuple[Floats, Floats]
"""Features of queries (Q, D) and of references (R, E)."""


def _features(
    split: Split, queries: NDArray[np.int64], references: NDArray[np.int64], progress: Progress
) -> list[Sides]:
    """Return, for each pairing, the features of some queries and references."""
    asked = _of_images(split, split.queries["path"].to_list(), queries, [p.query for p in PAIRINGS], progress)
    there = _of_images(
        split, split.references["path"].to_list(), references, [p.reference for p in PAIRINGS], progress
    )
    return list(zip(asked, there, strict=True))


def _of_images(
    split: Split,
    paths: Sequence[str],
    rows: NDArray[np.int64],
    features: Sequence[Feature],
    progress: Progress,
) -> list[Floats]:
    found: list[list[Floats]] = [[] for _ in features]
    for row in rows:
        path = split.root / paths[row]
        image, size_bytes = read_image(path), path.stat().st_size
        for values, feature in zip(found, features, strict=True):
            values.append(feature(image, size_bytes))
        progress.advance()
    return [np.stack(values) for values in found]


def _find(
    pairing: Pairing,
    learnt: Sides,
    asked: Sides,
    test: Split,
    rows: NDArray[np.int64],
    train: Split,
    train_rows: NDArray[np.int64],
) -> Finding:
    """Return how many queries have their reference nearest, features standardised within each city."""
    query_city, reference_city = test.queries["city"].to_numpy()[rows], test.references["city"].to_numpy()
    queries, references = _standardised(asked[0], query_city), _standardised(asked[1], reference_city)
    if pairing.fitted:
        city = train.queries["city"].to_numpy()[train_rows]
        queries = queries @ _ridge(_standardised(learnt[0], city), _standardised(learnt[1], city))
    hits = _nearest_is_true(queries, references, test.truth[rows])
    return Finding(pairing.name, int(hits.sum()), len(rows), len(references))


def _standardised(values: Floats, city: NDArray[np.object_]) -> Floats:
    out = np.empty_like(values)
    for name in np.unique(city):
        own = values[city == name]
        spread = own.std(0)
        out[city == name] = (own - own.mean(0)) / np.where(spread > 0, spread, 1)
    return out


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    """Return the linear map (D, E) of least squares with a penalty."""
    penalty = RIDGE * len(inputs) / 100 * np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ targets), np.float64)


def _nearest_is_true(queries: Floats, references: Floats, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether no other reference is as near as the true one; ties count against."""
    hits = np.empty(len(queries), np.bool_)
    for k, query in enumerate(queries):
        distance = ((references - query) ** 2).sum(1)
        hits[k] = np.count_nonzero(distance <= distance[truth[k]]) == 1
    return hits


def _few_references(
    split: Split, queries: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the true references of some queries and others up to `count`."""
    true = np.unique(split.truth[queries])
    others = np.setdiff1d(np.arange(len(split.references)), true)
    return np.concatenate([true, rng.permutation(others)[: max(0, count - len(true))]])


def _slide(
    matcher: Matcher,
    split: Split,
    queries: NDArray[np.int64],
    references: NDArray[np.int64],
    eye_m: float,
    progress: Progress,
) -> Finding:
    """Return how many queries' discs fit their own tile best."""
    slides = _slides(matcher, split, references)
    hits = 0
    for query in queries:
        panorama = read_image(split.root / split.queries["path"].iloc[query])
        scores = np.full(len(references), -1, np.float32)
        for (scale, _), (where, slide) in slides.items():
            disc = torch.from_numpy(matcher.disc(panorama, scale, eye_m))
            scores[where] = slide.best(disc[None])[0].numpy()
        own = scores[references == split.truth[query]][0]
        hits += int(np.count_nonzero(scores >= own) == 1)
        progress.advance()
    return Finding(matcher.name, hits, len(queries), len(references))


def _slides(
    matcher: Matcher, split: Split, references: NDArray[np.int64]
) -> dict[tuple[float, tuple[int, ...]], tuple[NDArray[np.int64], Slide]]:
    """Return by scale and shape the tiles that have them: their places in `references`, and a slide."""
    found: dict[tuple[float, tuple[int, ...]], list[tuple[int, NDArray[np.float32]]]] = {}
    for place, row in enumerate(references):
        image = read_image(split.root / split.references["path"].iloc[row])
        scale = round(_stored_scale(split, row, image), 3)
        picture = matcher.picture(image, scale)
        if min(picture.shape[1:]) >= matcher.side_px(scale):
            found.setdefault((scale, picture.shape), []).append((place, picture))
    return {
        key: (
            np.array([place for place, _ in tiles]),
            Slide(torch.from_numpy(np.stack([picture for _, picture in tiles])), matcher.side_px(key[0])),
        )
        for key, tiles in found.items()
    }


def _stored_scale(split: Split, row: int, image: ImageArray) -> float:
    """Return metres per pixel of a tile as stored, which may be smaller than its labels' pixels."""
    tile = split.references.iloc[row]
    return float(tile["m_per_px"] * tile["width_px"] / image.shape[1])
