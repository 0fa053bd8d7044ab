"""Comparing methods on the same queries."""

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.report.comparison import OVERALL, compare
from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.scoring.statistics import summarise
from cvgl_bench.scoring.statistics.seeds import over_seeds

EDGES = (0.0, 0.5, 1.0)


@pytest.fixture
def world(make_outcome):
    """Return a function from a share of hits (and a seed) to an outcome on always the same 600 queries."""
    generator = np.random.default_rng(0)
    truth = generator.integers(250, size=600)
    decentrality, hardness = generator.random(600), generator.random(600)

    def make(share, *, seed=0, noise=0.05):
        rank = (hardness + noise * np.random.default_rng(seed).standard_normal(600) > share).astype(int)
        return make_outcome(rank, truth=truth, decentrality=decentrality, distance_m=50 * rank + hardness)

    return make


def found(groups, **given):
    metrics = given.pop("metrics", METRICS[:2] + (METRICS[8],))
    return compare(groups, metrics, **{"edges": EDGES, **given})


def the(comparison, metric, stratum=OVERALL, **pair):
    (difference,) = [
        d
        for d in comparison.differences
        if (d.metric, d.stratum) == (metric, stratum) and all(getattr(d, k) == v for k, v in pair.items())
    ]
    return difference


def test_two_runs(world):
    good, poor = world(0.7, seed=1), world(0.5, seed=2)
    comparison = found({"good": [good], "poor": [poor]})
    hits = [run.ranking.rank == 0 for run in (good, poor)]
    difference = the(comparison, "recall@1")
    assert difference.value == pytest.approx(hits[0].mean() - hits[1].mean())
    assert difference.low < difference.value < difference.high
    assert difference.count == 600 and difference.p == difference.p_alone < 0.001
    assert difference.told_apart and difference.claim == "weights"
    standings = comparison.standings["recall@1"][OVERALL]
    assert (standings["good"].letters, standings["poor"].letters) == ("a", "b")
    assert the(comparison, "median_distance_m").value < 0
    assert comparison.standings["median_distance_m"][OVERALL]["good"].letters == "a"


def test_pairing_sees_what_separate_intervals_cannot(world):
    """Three points apart with overlapping intervals, but almost every query agrees."""
    comparison = found({"a": [world(0.63, noise=0)], "b": [world(0.6, noise=0)]})
    a, b = comparison.standings["recall@1"][OVERALL].values()
    assert a.estimate.low < b.estimate.high
    assert the(comparison, "recall@1").told_apart


def test_standings_are_those_of_the_record(world):
    run = world(0.7)
    recorded = summarise(run, METRICS[:2], edges=EDGES)
    comparison = found({"a": [run], "b": [world(0.5)]})
    assert comparison.standings["recall@1"][OVERALL]["a"].estimate == recorded.overall["recall@1"]
    in_bin = comparison.standings["recall@1"]["0.0-0.5"]["a"].estimate
    assert in_bin == recorded.by_decentrality["0.0-0.5"]["recall@1"]


def test_a_run_equals_itself(world):
    comparison = found({"a": [world(0.6)], "b": [world(0.6)]})
    for difference in comparison.differences:
        assert difference.value == 0 and difference.p == 1 and not difference.told_apart
    assert {s.letters for s in comparison.standings["recall@1"][OVERALL].values()} == {"a"}


def test_all_against_nothing_is_told_apart(make_outcome):
    """No tile varies this difference; forty that all say the same are enough, four are not."""
    for tiles, enough in ((40, True), (4, False)):
        truth = np.arange(40) % tiles
        groups = {n: [make_outcome(np.full(40, r), truth=truth)] for n, r in (("all", 0), ("none", 9))}
        difference = the(found(groups), "recall@1")
        assert (difference.value, difference.low) == (1, None) and difference.told_apart == enough


def test_seeds_are_averaged_and_their_spread_counts(world):
    """Methods that differ less than their seeds do cannot be told apart, whatever single runs say."""
    wide = {"a": [world(s) for s in (0.5, 0.6, 0.7)], "b": [world(s) for s in (0.47, 0.57, 0.67)]}
    narrow = {"a": [world(0.6, seed=s) for s in range(3)], "b": [world(0.5, seed=s) for s in range(3, 6)]}
    single = the(found({"a": wide["a"][:1], "b": wide["b"][:1]}), "recall@1")
    pooled = the(found(wide), "recall@1")
    assert single.told_apart and not pooled.told_apart
    assert single.claim == "weights" and pooled.claim == "methods"
    hits = [[(run.ranking.rank == 0).mean() for run in runs] for runs in wide.values()]
    assert pooled.value == pytest.approx(np.mean(hits[0]) - np.mean(hits[1]))
    assert the(found(narrow), "recall@1").told_apart
    assert found(narrow).runs == {"a": 3, "b": 3}


@pytest.mark.parametrize("third", [None, 0.51])
def test_p_interval_and_verdict_never_contradict_each_other(world, third):
    """Also where several comparisons are corrected together."""
    seen = set()
    for share in np.linspace(0.5, 0.62, 7):
        groups = {"a": [world(0.5, seed=s) for s in (1, 2)], "b": [world(share, seed=s) for s in (3, 4, 5)]}
        if third:
            groups["c"] = [world(third, seed=s) for s in (6, 7, 8)]
        for difference in found(groups, metrics=METRICS[:1]).differences:
            assert difference.told_apart == (difference.p < 0.05)
            assert difference.told_apart == (not difference.low <= 0 <= difference.high)
            assert difference.claim == (
                "weights" if "a" in (difference.first, difference.second) else "methods"
            )
            seen.add(difference.told_apart)
    assert seen == {True, False}


def test_the_standing_of_a_method_is_bounded_by_what_its_records_give(world):
    """Leaderboards see records alone: their interval is never narrower, and about the same."""
    runs = [world(0.6, seed=s, noise=0.1) for s in range(3)]
    standing = found({"a": runs, "b": [world(0.5)]}).standings["recall@1"][OVERALL]["a"].estimate
    records = [summarise(run, METRICS[:1], edges=EDGES).overall["recall@1"] for run in runs]
    board = over_seeds(records, unit="%")
    assert board.value == pytest.approx(standing.value)
    assert board.low <= standing.low < standing.high <= board.high
    assert board.high - board.low < 1.5 * (standing.high - standing.low)


def test_several_methods_are_corrected_for_their_number(world):
    shares = {"a": 0.7, "b": 0.69, "c": 0.5}
    comparison = found({name: [world(share, seed=n)] for n, (name, share) in enumerate(shares.items())})
    overall = [d for d in comparison.differences if (d.metric, d.stratum) == ("recall@1", OVERALL)]
    assert [(d.first, d.second) for d in overall] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(d.p >= d.p_alone for d in overall)
    least = min(overall, key=lambda d: d.p_alone)
    assert least.p == pytest.approx(3 * least.p_alone)
    letters = {name: s.letters for name, s in comparison.standings["recall@1"][OVERALL].items()}
    assert letters == {"a": "a", "b": "a", "c": "b"}
    bins = [d for d in comparison.differences if d.metric == "recall@1" and d.stratum != OVERALL]
    least = min(bins, key=lambda d: d.p_alone)
    assert len(bins) == 6 and least.p == pytest.approx(min(1, 6 * least.p_alone))


def test_queries_without_a_value_are_left_out_of_all(world):
    first, second = world(0.6, seed=1), world(0.5, seed=2)

    def partly(outcome):
        values = outcome.distance_m.copy()
        values[: 100 if outcome is first else 50] = np.nan
        return values

    comparison = found({"a": [first], "b": [second]}, metrics=[Metric(id="partly", per_query=partly)])
    expected = first.distance_m[100:].mean() - second.distance_m[100:].mean()
    assert the(comparison, "partly").value == pytest.approx(expected)
    assert the(comparison, "partly").count == 500


def test_metrics_that_some_run_lacks_are_left_out(world, make_outcome):
    column = Metric(id="column", per_query=lambda o: o.extra["x"], requires=("x",))
    groups = {"a": [world(0.6)], "b": [world(0.5)]}
    assert [m.id for m in found(groups, metrics=[METRICS[0], column]).metrics] == ["recall@1"]
    with pytest.raises(UsageError, match="No metric"):
        found(groups, metrics=[column])


def test_one_cluster_tells_nothing_apart(make_outcome):
    same_tile = np.zeros(40, int)
    groups = {name: [make_outcome(np.full(40, r), truth=same_tile)] for name, r in (("a", 0), ("b", 9))}
    difference = the(found(groups), "recall@1")
    assert difference.value == 1 and difference.low is None and not difference.told_apart


def test_false_alarms_are_rare_on_clustered_queries(make_outcome):
    """Two equal methods that win and lose whole tiles."""
    alarms = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        truth = np.repeat(np.arange(60), 8)
        ranks = [np.where(generator.random(60)[truth] < 0.5, 0, 3) for _ in range(2)]
        groups = {name: [make_outcome(r, truth=truth)] for name, r in zip("ab", ranks, strict=True)}
        difference = the(found(groups, metrics=METRICS[:1], edges=(0.0, 1.0)), "recall@1")
        alarms += difference.told_apart
    assert alarms <= 11


@pytest.mark.parametrize("groups", [{}, {"a": []}, {"a": ["run"], "b": []}])
def test_too_little_to_compare(groups):
    with pytest.raises(UsageError, match="at least two"):
        found(groups)


def test_other_queries_are_refused(world, make_outcome):
    with pytest.raises(UsageError, match="'a' and 'b' were not tested on the same"):
        found({"a": [world(0.6)], "b": [make_outcome(np.zeros(600))]})
