"""Bins, cities and their product."""

import doctest

import numpy as np
import pytest

from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.scoring.statistics import strata
from cvgl_bench.scoring.statistics.strata import bin_rows, strata_of

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def test_doctests():
    assert doctest.testmod(strata).failed == 0


def test_bins_hold_their_lower_edge_and_the_last_both():
    values = np.array([0, 0.1999, 0.2, 0.5, 0.8, 1.0, np.nan])
    np.testing.assert_array_equal(bin_rows(values, EDGES), [0, 0, 1, 2, 4, 4, -1])


def test_what_lies_outside_goes_to_the_nearest_bin():
    np.testing.assert_array_equal(bin_rows(np.array([-0.1, 1.0000001]), EDGES), [0, 4])


@pytest.mark.parametrize("edges", [(0.5,), (0, 0.5, 0.5), (1, 0), (0, np.nan)])
def test_bad_edges_are_refused(edges):
    with pytest.raises(UsageError, match="increasing"):
        bin_rows(np.zeros(1), edges)


def test_every_query_is_in_one_stratum_of_each_kind(make_outcome):
    outcome = make_outcome(np.zeros(50))
    found = strata_of(outcome, EDGES)
    for kind in ((False, False), (False, True), (True, False), (True, True)):
        rows = [s.rows for s in found if (s.city is not None, s.bin is not None) == kind]
        np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(50))
    names = [(s.city, s.bin) for s in found]
    assert names[0] == (None, None) and ("Aa", None) in names and ("Bb", "0.8-1.0") in names
    assert len(names) == 1 + 5 + 2 + 10


def test_empty_bins_are_kept_and_unknown_ones_left_out(make_outcome):
    near = strata_of(make_outcome([0, 0], decentrality=np.array([0.1, np.nan])), EDGES)
    sizes = {s.bin: len(s.rows) for s in near if s.city is None}
    assert sizes == {None: 2, "0.0-0.2": 1, "0.2-0.4": 0, "0.4-0.6": 0, "0.6-0.8": 0, "0.8-1.0": 0}
    unknown = strata_of(
        make_outcome([0, 0], decentrality=np.full(2, np.nan), city=np.array(["", "Aa"])), EDGES
    )
    assert [(s.city, s.bin) for s in unknown] == [(None, None), ("Aa", None)]
