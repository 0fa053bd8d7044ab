"""Groups of equal references."""

from __future__ import annotations

import numpy as np
import torch

from cvgl_bench.ranking.copies import Copies

SAME_AS = np.array([0, 1, 0, 3, 1, 0])


def test_groups_are_named_by_their_first_row():
    copies = Copies(SAME_AS)
    assert copies.any
    assert copies.rows.tolist() == [0, 1, 3] and copies.counts.tolist() == [3, 2, 1]


def test_expand_lists_the_rows_of_each_group():
    rows, place = Copies(SAME_AS).expand(torch.tensor([1, 0, 1, 2]), 9)
    assert rows.tolist() == [1, 4, 0, 2, 5, 1, 4, 3]
    assert place.tolist() == [0, 0, 1, 1, 1, 2, 2, 3]


def test_expand_stops_at_the_limit():
    rows, place = Copies(SAME_AS).expand(torch.tensor([0, 1]), 2)
    assert rows.tolist() == [0, 2, 1, 4] and place.tolist() == [0, 0, 1, 1]


def test_without_copies_rows_are_groups():
    copies = Copies(np.arange(4))
    assert not copies.any
    rows, place = copies.expand(torch.tensor([3, 1]), 5)
    assert rows.tolist() == [3, 1] and place.tolist() == [0, 1]
