import numpy as np
import pytest

from cvgl_bench.scoring.metrics import METRICS, Metric
from cvgl_bench.testing import check_metric


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.id)
def test_the_built_in_metrics_pass(metric):
    check_metric(metric)


def metric(per_query, **changes):
    return Metric(**{"id": "mine", "title": "Mine", "per_query": per_query, **changes})


def test_a_metric_that_needs_a_column_gets_it():
    check_metric(metric(lambda o: o.extra["my_m"], requires=("my_m",), higher_is_better=False))


def test_a_metric_without_any_value_is_not_judged_by_direction():
    check_metric(metric(lambda o: np.full(len(o), np.nan)))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (metric(lambda o: o.distance_m, id="a b", higher_is_better=False), "its id must start"),
        (metric(lambda o: o.distance_m, title=" "), "has no title"),
        (metric(lambda o: 0.5), r"shape \(\) for 40 queries"),
        (metric(lambda o: o.distance_m[:-1]), r"shape \(39,\)"),
        (metric(lambda o: o.distance_m / 0.0), "infinite"),
        (metric(lambda o: np.random.default_rng().random(len(o))), "other values when asked again"),
        (metric(lambda o: np.argsort(o.distance_m)), "depends on the other queries"),
        (metric(lambda o: o.distance_m - o.distance_m[0]), "depends on the other queries"),
        (metric(lambda o: o.distance_m), "worse for a perfect ranking"),
        (
            metric(lambda o: (o.ranking.rank == 0) * 1.0, higher_is_better=False),
            "worse for a perfect ranking",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_names_what_is_broken(broken, words):
    with pytest.raises(AssertionError, match=words):
        check_metric(broken)
