"""Many rows in parts."""

from cvgl_bench.foundation.parts import slices, spread


def test_slices_and_spread():
    assert [(part.start, part.stop) for part in slices(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert spread(3, 10).tolist() == [0, 1, 2]
    assert spread(100, 3).tolist() == [0, 49, 99]
