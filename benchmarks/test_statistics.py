"""The statistics at the size of VIGOR's same-area test split: `pytest benchmarks/test_statistics.py`."""

import resource
import time

import numpy as np
import pytest

from cvgl_bench.ranking.outcome import Outcome, Ranking
from cvgl_bench.report.comparison import compare
from cvgl_bench.scoring.metrics import METRICS, POSITION_COLUMNS
from cvgl_bench.scoring.statistics import decentrality_curve, summarise

QUERIES, REFERENCES, CITIES = 52_605, 90_618, 4
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LIMIT_S = 5.0

SIDE, SPACING_DEG = 151, 35 / 111_195
"""Tiles along a side of each city, 35 m apart as VIGOR's, which overlap by half."""

DISTRICT = 10
"""Tiles along a side of a district whose queries succeed together."""


def outcome(seed: int, *, with_positions: bool) -> Outcome:
    """Return ranks, distances and decentralities in the proportions of a trained model on VIGOR."""
    generator = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(REFERENCES, size=QUERIES)
    city, place = truth * CITIES // REFERENCES, truth % (SIDE * SIDE)
    row, column = np.divmod(place, SIDE)
    district = (row // DISTRICT) * SIDE + column // DISTRICT + SIDE * SIDE * city
    share = np.random.default_rng(2).uniform(0.6, 0.8, CITIES * SIDE * SIDE)[district]
    rank = np.where(generator.random(QUERIES) < share, 0, generator.geometric(0.001, QUERIES))
    best = np.where(rank == 0, truth, (truth + 1) % REFERENCES)
    scores = np.tile(np.float32([0.9, 0.8]), (QUERIES, 1))
    names = POSITION_COLUMNS if with_positions else {}
    return Outcome(
        ranking=Ranking(rank, np.zeros_like(rank), rank, np.stack([best, best], axis=1), scores),
        distance_m=generator.gamma(2, 50, QUERIES),
        decentrality=0.6 * np.random.default_rng(1).random(QUERIES),
        city=np.array([f"city{number}" for number in range(CITIES)])[city],
        truth=truth,
        covers=np.full((QUERIES, 3), -1),
        reference_count=REFERENCES,
        extra={name: generator.gamma(2, 5, QUERIES) for name in names},
        tile_lat_lon=np.stack([row * SPACING_DEG, column * SPACING_DEG + 10 * city], axis=1),
        border_m=35 * np.random.default_rng(1).random(QUERIES),
    )


@pytest.mark.parametrize("with_positions", [False, True], ids=["without-positions", "with-positions"])
def test_all_metrics_in_all_strata(benchmark, capsys, with_positions):
    """Wall seconds and, as a busy machine tells more by them, processor seconds; under 5."""
    found = outcome(0, with_positions=with_positions)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu_began = time.process_time()
    made = benchmark.pedantic(lambda: summarise(found, METRICS, edges=EDGES), rounds=1, iterations=1)
    cpu = time.process_time() - cpu_began
    added_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    recall = made.overall["recall@1"]
    assert recall.widened is not None and recall.widened > 1.2, "nothing was looked for"
    with capsys.disabled():
        print(
            f"\n{QUERIES:,} queries, {len(made.overall)} metrics: {benchmark.stats['mean']:.2f} s, processor "
            f"{cpu:.2f} s, {added_mb:.0f} MB added; recall@1 widened to {recall.cut_off_m:.0f} m"
        )
    assert cpu < LIMIT_S


def test_comparing_six_runs(benchmark):
    """Two methods with three seeds each, every metric, overall and by decentrality."""
    groups = {
        name: [outcome(3 * n + s, with_positions=False) for s in range(3)] for n, name in enumerate("ab")
    }
    benchmark.pedantic(lambda: compare(groups, METRICS, edges=EDGES), rounds=1, iterations=1)


def test_decentrality_curve(benchmark):
    """The smoothed curve of recall@1 with its band."""
    found = outcome(0, with_positions=False)
    benchmark.pedantic(lambda: decentrality_curve([found], METRICS[0]), rounds=1, iterations=1)
