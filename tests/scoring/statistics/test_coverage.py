"""How often intervals hold the truth, and how often equal methods are told apart, in simulated worlds.

`pytest -m slow -s tests/scoring/statistics/test_coverage.py` simulates them all and prints the table of
docs/statistics.md; a quick part runs with every other test.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from cvgl_bench.foundation.geo import EARTH_RADIUS_M
from cvgl_bench.report.comparison import OVERALL, compare
from cvgl_bench.scoring.metrics import METRICS
from cvgl_bench.scoring.statistics.intervals import share_interval
from cvgl_bench.scoring.statistics.seeds import over_seeds
from cvgl_bench.scoring.statistics.spatial import Dependence
from cvgl_bench.scoring.statistics.summary import summarise

RECALL = METRICS[:1]
TILE_M, SIDE, CITIES, QUERIES = 60.0, 16, 4, 4800
"""As the test cities of mini-dress: four of 16 x 16 tiles, about five queries a tile."""
WHOLE = (0.0, 1.0)

DRAWS = 1000
SLOW_DRAWS = 400
"""Of simulations that compare several runs."""


class Cities:
    """Square cities of tiles, and fields of difficulty over them with a spherical covariogram."""

    def __init__(self, *, side=SIDE, cities=CITIES, range_m=200.0):
        row, column = np.divmod(np.arange(side**2), side)
        at_m = np.stack([row, column], axis=1) * TILE_M
        places = [at_m * 180 / np.pi / EARTH_RADIUS_M + [0, 10 * city] for city in range(cities)]
        self.lat_lon, self.city = np.concatenate(places), np.repeat(np.arange(cities), side**2).astype(str)
        distance = np.linalg.norm(at_m[:, None] - at_m, axis=2) / range_m
        covariance = np.where(distance < 1, 1 - 1.5 * distance + 0.5 * distance**3, 0)
        self._root = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(at_m)))
        self._count = cities

    def field(self, generator):
        """Return (T,) standard normal difficulty."""
        draws = generator.standard_normal((self._count, len(self._root)))
        return (draws @ self._root.T).reshape(-1)

    def hits(self, generator, tile, *, share, recall):
        """Return (Q,) 0 or 1; `share` of the variance of what decides them is spatial."""
        own = generator.standard_normal(len(tile))
        latent = np.sqrt(share) * self.field(generator)[tile] + np.sqrt(1 - share) * own
        return (latent < ndtri(recall)).astype(float)


def field_coverage(share, range_m, recall, *, draws, by_tiles_alone=False, **given):
    """Return how often the interval of one run's recall holds the recall of all such worlds."""
    cities, generator, held = Cities(range_m=range_m, **given), np.random.default_rng(1), 0
    where = np.full_like(cities.lat_lon, np.nan) if by_tiles_alone else cities.lat_lon
    queries = QUERIES * len(where) // (CITIES * SIDE**2)
    for _ in range(draws):
        tile = generator.integers(len(where), size=queries)
        values = cities.hits(generator, tile, share=share, recall=recall)
        group = Dependence(tile, cities.city[tile], where[tile]).group(np.arange(queries))
        low, high = share_interval(values.mean(), group.spread(values))
        held += low <= recall <= high
    return held / draws


def few_tiles_coverage(tiles, queries_per_tile, correlation, recall, *, draws):
    """Return how often the interval over few tiles of one city holds, hits in a tile being correlated."""
    generator, held = np.random.default_rng(2), 0
    tile = np.repeat(np.arange(tiles), queries_per_tile)
    dependence = Dependence(tile, np.full(len(tile), "a"), np.full((len(tile), 2), np.nan))
    group, scale = dependence.group(np.arange(len(tile))), 1 / correlation - 1
    for _ in range(draws):
        rates = generator.beta(recall * scale, (1 - recall) * scale, tiles)
        values = (generator.random(len(tile)) < rates[tile]).astype(float)
        low, high = share_interval(values.mean(), group.spread(values))
        held += low <= recall <= high
    return held / draws


class Methods:
    """Outcomes of equal methods: difficulty of places and queries is shared, the rest is each seed's own."""

    def __init__(self, make_outcome, *, recall=0.2, deviation=0.007, share=0.1):
        self.recall, self.deviation, self.share = recall, deviation, share
        self.cities, self.generator = Cities(), np.random.default_rng(3)
        self._make = make_outcome

    def world(self):
        """Draw new queries and their difficulty."""
        self._tile = self.generator.integers(len(self.cities.city), size=QUERIES)
        field = self.cities.field(self.generator)[self._tile]
        own = self.generator.standard_normal(QUERIES)
        self._difficulty = np.sqrt(self.share) * field + np.sqrt(0.6 - self.share) * own

    def run(self):
        """Return the outcome of one more seed; `deviation` is that of its recall over all queries."""
        slope = np.exp(-0.5 * ndtri(self.recall) ** 2) / np.sqrt(2 * np.pi)
        shift = self.deviation / slope * self.generator.standard_normal()
        latent = self._difficulty + np.sqrt(0.4) * self.generator.standard_normal(QUERIES)
        return self._make(
            np.where(latent < ndtri(self.recall) + shift, 0, 9),
            truth=self._tile,
            city=self.cities.city[self._tile],
            tile_lat_lon=self.cities.lat_lon[self._tile],
            references=len(self.cities.city),
        )


def false_verdicts(methods, seeds, *, draws):
    """Return how often equal methods are told apart, and how often that is called one of the methods."""
    apart = called = 0
    for _ in range(draws):
        methods.world()
        groups = {name: [methods.run() for _ in range(seeds)] for name in "ab"}
        (difference,) = (d for d in compare(groups, RECALL, edges=WHOLE).differences if d.stratum == OVERALL)
        apart += difference.told_apart
        called += difference.told_apart and difference.claim == "methods"
    return apart / draws, called / draws


def seed_coverage(methods, seeds, *, draws):
    """Return how often `compare`'s and a leaderboard's interval of a method hold its recall."""
    held = np.zeros(2)
    for _ in range(draws):
        methods.world()
        runs = [methods.run() for _ in range(seeds)]
        standings = compare({"a": runs, "b": runs[:1]}, RECALL, edges=WHOLE).standings["recall@1"][OVERALL]
        records = [summarise(run, RECALL, edges=WHOLE).overall["recall@1"] for run in runs]
        found = standings["a"].estimate, over_seeds(records, unit="%")
        held += [each.low <= methods.recall <= each.high for each in found]
    return held / draws


def test_a_field_of_difficulty_is_covered():
    """The quick part: tiles alone hold in four of five worlds, rings of them in more than nine of ten."""
    case = (0.3, 200, 0.3)
    small = {"side": 12, "cities": 2, "draws": 150}
    assert field_coverage(*case, **small) > 0.88
    assert field_coverage(*case, **small, by_tiles_alone=True) < 0.85


def test_few_tiles_are_covered():
    assert 0.92 < few_tiles_coverage(4, 20, 0.26, 0.4, draws=400) < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("recall", [0.1, 0.3])
@pytest.mark.parametrize("share, range_m", [(1e-9, 200), (0.1, 200), (0.1, 400), (0.3, 200), (0.3, 400)])
def test_coverage_in_fields(share, range_m, recall):
    found = field_coverage(share, range_m, recall, draws=DRAWS)
    alone = field_coverage(share, range_m, recall, draws=DRAWS, by_tiles_alone=True)
    print(f"\nfield: share {share:.1f}, {range_m} m, recall {recall}: {found:.3f}; tiles alone {alone:.3f}")
    assert 0.90 <= found <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("recall", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("tiles", [2, 3, 5, 8, 15, 30])
def test_coverage_of_few_tiles(tiles, recall):
    found = {n: few_tiles_coverage(tiles, n, 0.26, recall, draws=2 * DRAWS) for n in (5, 20)}
    print(f"\n{tiles} tiles, recall {recall}: {found[5]:.3f} with 5 queries a tile, {found[20]:.3f} with 20")
    # Of a few tiles with few queries only a few shares can come out; their intervals hold more often.
    assert 0.90 <= found[20] <= (1 if tiles <= 5 and recall == 0.1 else 0.985)
    assert 0.90 <= found[5] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [0.002, 0.007, 0.015])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_false_verdicts(make_outcome, seeds, deviation):
    apart, called = false_verdicts(Methods(make_outcome, deviation=deviation), seeds, draws=SLOW_DRAWS)
    print(
        f"\n{seeds} against {seeds} seeds, deviation {deviation}: {apart:.3f}, called methods' {called:.3f}"
    )
    assert called <= (0.07 if seeds >= 3 else 0)


@pytest.mark.slow
@pytest.mark.parametrize("deviation", [0.002, 0.007, 0.015])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_coverage_over_seeds(make_outcome, seeds, deviation):
    found = seed_coverage(Methods(make_outcome, deviation=deviation), seeds, draws=SLOW_DRAWS)
    print(f"\n{seeds} seeds, deviation {deviation}: compare {found[0]:.3f}, leaderboard {found[1]:.3f}")
    assert (found >= 0.90).all()
