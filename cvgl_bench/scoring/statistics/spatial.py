"""Variance of a mean over queries that succeed and fail together: those of a tile, and of tiles near it.

Cities are taken as they are and tiles as drawn from them, so deviations are from each city's mean. With E_t
their sum over tile t, and A_k the sum of E_t E_u over ordered pairs of tiles of a city that are k tile
spacings apart, the mean of N values has the variance

    v_K = (A_0 + A_1 + ... + A_K) / (N^2 (1 - P_K)),    K before the first A_k + P_k's share of v <= 0.

A_0 alone is the usual variance of clusters. The range of the correlation is read off the data, as block
sizes of spatial cross-validation are (R. Valavi et al., blockCV, Methods in Ecology and Evolution 10, 2019).
Taking deviations from a city's own mean takes from every product what the mean itself varies, which is v
times the share of the city's pairs of queries that are near each other; P_K sums these shares, so that

    P_K = sum over pairs within K rings of n_t n_u / (N N_city),

n_t queries in a tile, N_city in its city. For equal tiles P_0 = C / G and 1 / (1 - P_0) = G / (G - C), the
common correction for G clusters in C strata. The degrees of freedom are those of as many independent blocks,
C (1 - P) / P, or fewer where few tiles hold most of the variance (Satterthwaite's 2 v^2 / Var(v), with
Var(v) from the tiles' fourth powers).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvgl_bench.foundation import geo
from cvgl_bench.scoring.statistics.student import NORMAL_POINT, student_point

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

WIDEN_FROM = 1.2
"""Rings beyond the tile count where they raise the variance by this factor; below it is chance."""

MOST_RINGS = 12
"""Rings that are looked at; memory grows with their square."""

MOST_PAIRS = 25_000_000
"""Pairs of clusters that are looked at, 400 MB; VIGOR's have 10 million in twelve rings."""

LARGEST_SHARE = 0.5
"""P_K up to which blocks are seen to vary: beyond it a city holds not two of them."""


@dataclass(frozen=True)
class Spread:
    """Variance of a mean and how well it is known.

    degrees: of freedom, 0 where a single cluster shows no variation (the variance is 0 then).
    widened: variance over that of independent tiles, 1 where no wider dependence was found.
    cut_off_m: distance up to which tiles were taken to depend on each other, None where not widened.
    """

    variance: float
    degrees: float
    cluster_count: int
    widened: float = 1.0
    cut_off_m: float | None = None


class Dependence:
    """Which queries share a cluster, and which clusters lie near each other.

    clusters (Q,): labels; city (Q,): of each query; lat_lon (Q, 2): degrees of the place of its cluster,
    NaN where unknown, which leaves clusters alone.
    """

    def __init__(self, clusters: Rows, city: NDArray[np.str_], lat_lon: Floats) -> None:
        self.city = np.unique(city, return_inverse=True)[1].reshape(-1)
        # Its import takes as long as that of everything else that builds the pages of a leaderboard.
        from scipy.spatial import cKDTree

        _, firsts, numbers = np.unique(clusters, return_index=True, return_inverse=True)
        self.cluster = numbers.reshape(-1)
        self.cluster_city = self.city[firsts]
        points = geo.unit_vectors(*lat_lon[firsts].T) * geo.EARTH_RADIUS_M
        self._located = np.flatnonzero(np.isfinite(points).all(axis=1))
        self._tree = cKDTree(points[self._located]) if len(self._located) > 1 else None
        self.spacing_m = self._spacing_m()
        self._rings: list[NDArray[np.int32]] = [np.empty((0, 2), np.int32)]

    def _spacing_m(self) -> float | None:
        """Return the median distance from a cluster to the nearest other one, None where unknown."""
        if self._tree is None:
            return None
        nearest_m = np.asarray(self._tree.query(self._tree.data, k=2)[0])[:, 1]
        apart = nearest_m[nearest_m > 0]
        return float(np.median(apart)) if len(apart) else None

    def ring(self, k: int) -> NDArray[np.int32]:
        """Return (P, 2) pairs of clusters of one city, k >= 1 spacings apart to the nearest whole number."""
        while len(self._rings) <= min(k, MOST_RINGS) and self.spacing_m is not None:
            self._reach(min(MOST_RINGS, max(2, 2 * (len(self._rings) - 1))))
        return self._rings[k] if k < len(self._rings) else self._rings[0]

    def _reach(self, most: int) -> None:
        """Find the pairs of further rings, none where there would be too many."""
        assert self._tree is not None and self.spacing_m is not None
        reach_m = (most + 0.5) * self.spacing_m
        if self._tree.count_neighbors(self._tree, reach_m) > 2 * MOST_PAIRS:
            self._rings += [self._rings[0]] * (MOST_RINGS + 1 - len(self._rings))
            return
        pairs = self._tree.query_pairs(reach_m, output_type="ndarray")
        square_m = sum(np.square(axis[pairs[:, 0]] - axis[pairs[:, 1]]) for axis in self._tree.data.T)
        number = np.maximum(1, np.rint(np.sqrt(square_m) / self.spacing_m)).astype(np.int8)
        pairs = self._located[pairs].astype(np.int32)
        kept = self.cluster_city[pairs[:, 0]] == self.cluster_city[pairs[:, 1]]
        kept &= (number >= len(self._rings)) & (number <= most)
        pairs, number = pairs[kept], number[kept]
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(len(self._rings), most + 2))
        self._rings += [pairs[order[a:b]] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]

    def group(self, rows: Rows) -> Group:
        """Return the queries of a stratum, at least one, for the variances of means over them."""
        return Group(self, rows)


class Group:
    """The queries of one stratum, their clusters and cities.

    Where every city has a single cluster, these are taken as drawn from one population.
    """

    def __init__(self, dependence: Dependence, rows: Rows) -> None:
        self._dependence = dependence
        self._present, self._cluster = np.unique(dependence.cluster[rows], return_inverse=True)
        self._cluster = self._cluster.reshape(-1)
        self.cluster_count = len(self._present)
        self._city = np.unique(dependence.city[rows], return_inverse=True)[1].reshape(-1)
        if self._city.max() + 1 >= self.cluster_count:
            self._city = np.zeros(len(rows), np.int64)
        self._city_sizes = np.bincount(self._city)
        self._city_of_cluster = np.zeros(self.cluster_count, np.int64)
        self._city_of_cluster[self._cluster] = self._city
        self._ring_pairs: dict[int, tuple[Rows, Rows]] = {}
        self._shares: dict[int, float] = {}
        self._unit = self._unit_weights(np.bincount(self._cluster).astype(np.float64))

    def spread(self, values: Floats) -> Spread:
        """Return the variance of the mean of `values` (n,), none of them NaN."""
        means = np.bincount(self._city, values) / self._city_sizes
        return self.spread_of_deviations(values - means[self._city])

    def centred(self, values: Floats, weights: Floats) -> Floats:
        """Return values (n,) less their weighted mean in each city, for weights (n,) of at least 0."""
        totals = np.bincount(self._city, weights)
        sums = np.bincount(self._city, weights * values)
        means = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
        return values - means[self._city]

    def spread_of_deviations(self, deviations: Floats, weights: Floats | None = None) -> Spread:
        """Return the variance of the mean of `deviations` (n,), whose expectations are 0.

        weights (n,): what each query counts in a weighted mean, already multiplied into its deviation; they
        decide how much of the variance the cities' means took away.
        """
        if self.cluster_count < 2:
            return Spread(0.0, 0.0, self.cluster_count)
        count = len(deviations)
        sums = np.bincount(self._cluster, deviations).astype(np.float64)
        unit = (
            self._unit
            if weights is None
            else self._unit_weights(np.bincount(self._cluster, weights).astype(np.float64))
        )
        alone, share = float(sums @ sums), float(unit @ unit)
        if alone == 0 or share >= 1:
            return Spread(0.0, self._degrees(share, sums), self.cluster_count)
        tile = alone / (1 - share)
        total, wide_share, rings = self._widen(sums, unit if weights is not None else None, alone, share)
        variance, cut_off_m = tile, None
        if rings and total > WIDEN_FROM * tile:
            assert self._dependence.spacing_m is not None
            variance, share, cut_off_m = total, wide_share, (rings + 0.5) * self._dependence.spacing_m
        degrees = self._degrees(share, sums)
        # Queries of a tile do not succeed less together than at random: a smaller variance is luck. Student's
        # point already reckons with luck, so only what it leaves is raised.
        floor = float(deviations @ deviations) * count / max(1, count - len(self._city_sizes))
        floor *= (NORMAL_POINT / student_point(degrees)) ** 2
        return Spread(
            variance=max(variance, floor) / count**2,
            degrees=degrees,
            cluster_count=self.cluster_count,
            widened=variance / tile,
            cut_off_m=cut_off_m,
        )

    def _widen(
        self, sums: Floats, unit: Floats | None, alone: float, share: float
    ) -> tuple[float, float, int]:
        """Return the corrected sum over rings, P_K and K."""
        raw, widened, rings = alone, alone / (1 - share), 0
        for k in range(1, MOST_RINGS + 1):
            first, second = self._ring(k)
            if not len(first):
                if self._dependence.spacing_m is None or not len(self._dependence.ring(k)):
                    break
                continue
            product = 2 * float(sums[first] @ sums[second])
            ring_share = self._ring_share(k) if unit is None else 2 * float(unit[first] @ unit[second])
            if product + ring_share * widened <= 0 or share + ring_share > LARGEST_SHARE:
                break
            raw, share, rings = raw + product, share + ring_share, k
            widened = raw / (1 - share)
        return widened, share, rings

    def _degrees(self, share: float, sums: Floats) -> float:
        squares = np.square(sums)
        total = squares.sum()
        degrees = len(self._city_sizes) * (1 - share) / share
        spare = np.square(squares).sum() - total**2 / len(sums)
        if spare > 1e-12 * total**2:
            degrees = min(degrees, 2 * total**2 / spare)
        return max(1.0, float(degrees))

    def _unit_weights(self, cluster_weights: Floats) -> Floats:
        """Return (G,) weights of clusters so scaled that products of them sum up to P."""
        by_city = np.bincount(self._city_of_cluster, cluster_weights)[self._city_of_cluster]
        scale = np.sqrt(by_city * cluster_weights.sum())
        return np.divide(cluster_weights, scale, out=np.zeros_like(cluster_weights), where=scale > 0)

    def _ring(self, k: int) -> tuple[Rows, Rows]:
        """Return the pairs of a ring among this group's clusters, by their numbers in the group."""
        if k not in self._ring_pairs:
            place = np.full(len(self._dependence.cluster_city), -1)
            place[self._present] = np.arange(self.cluster_count)
            first, second = place[self._dependence.ring(k)].T
            kept = (first >= 0) & (second >= 0)
            self._ring_pairs[k] = first[kept], second[kept]
        return self._ring_pairs[k]

    def _ring_share(self, k: int) -> float:
        if k not in self._shares:
            first, second = self._ring(k)
            self._shares[k] = 2 * float(self._unit[first] @ self._unit[second])
        return self._shares[k]
