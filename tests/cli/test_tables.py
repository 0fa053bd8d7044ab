"""What tables say in words."""

from cvgl_bench.cli.tables import city_note, format_interval, format_value, width_note
from cvgl_bench.scoring.results import Estimate


def test_the_least_and_the_greatest_city_are_named():
    by_city = {
        name: {"recall@1": Estimate(value=value, count=9)}
        for name, value in (("Rio", 0.5), ("Oslo", 0.25), ("Lima", None), ("Bern", 0.3))
    }
    note = city_note(by_city, "recall@1")
    assert note.startswith("recall@1 by city: 25.00 % (Oslo) to 50.00 % (Rio). The intervals are for queries")
    assert city_note({"Rio": by_city["Rio"]}, "recall@1") is None


def test_what_widened_an_interval_is_said_in_metres():
    plain = Estimate(value=0.5, low=0.4, high=0.6, count=9, standard_error=0.05, degrees=8.0, clusters=9)
    assert width_note(plain, "recall@1") is None
    wide = plain.model_copy(update={"widened": 2.25, "cut_off_m": 150.4})
    assert width_note(wide, "recall@1") == (
        "recall@1 depends between tiles up to 150 m apart: its interval is 1.50 times as wide as for "
        "independent tiles."
    )


def test_far_distances_are_printed_in_kilometres():
    far = Estimate(value=9574683.7, low=9000.0, high=11225824.2, count=9)
    assert (format_value(far.value, "m"), format_interval(far, "m")) == ("9574.68 km", "9.00 - 11225.82")
    near = far.model_copy(update={"value": 9999.0})
    assert (format_value(near.value, "m"), format_interval(near, "m")) == (
        "9999.00 m",
        "9000.00 - 11225824.20",
    )
