"""How differences are printed."""

from types import SimpleNamespace

import pytest

from cvgl_bench.report.changes import format_change, format_p


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "< 0.001"),
        (0.001, "0.001"),
        (0.0494, "0.049"),
        (0.0496, "< 0.05"),
        (0.05, "0.050"),
        (1.0, "1.000"),
    ],
)
def test_a_p_value_is_never_rounded_to_the_other_side_of_its_verdict(p, text):
    assert format_p(p) == text


def test_a_change_has_its_sign_interval_and_scale():
    change = SimpleNamespace(value=0.0765, low=0.0649, high=0.088)
    assert format_change(change, "%") == "+7.65 [+6.49, +8.80]"
    far = SimpleNamespace(value=-9574196.4, low=-10399913.45, high=-8748479.34)
    assert format_change(far, "m") == "-9574.20 [-10399.91, -8748.48] km"
    assert format_change(SimpleNamespace(value=2.0, low=None, high=None), "m") == "+2.00"
