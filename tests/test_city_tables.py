import dataclasses

from cvgl_bench.cli.city_tables import count_table, decentrality_table, geometry_table
from cvgl_bench.data_tools.inspection import CityStatistics

CITY = CityStatistics(
    city="Aa",
    tiles=23_279,
    train_queries=13_885,
    test_queries=4,
    tile_side_m=72.478,
    stride_m=(36.477, 36.483),
    overlap=(0.49672, -0.00004),
    area_km2=31.534,
    queries_per_km2=880.6,
    query_spacing_m=17.85,
    decentrality={"0.05": 0.1, "0.25": 0.2, "0.5": 0.2975, "0.75": 0.3, "0.95": 0.4, "1": 0.5016},
    decentrality_histogram=[1, 3],
    largest_offset_px=163.0,
    not_covering=0.02168,
    shared_positives=0.45808,
    training_distance_m=18.017,
)
NOTHING = {"stride_m": None, "overlap": None, "not_covering": None, "training_distance_m": None}


def cells(table, row=-1):
    return [cell.strip() for cell in table.splitlines()[row].split("  ") if cell.strip()]


def test_counts():
    assert cells(count_table([CITY])) == ["Aa", "23,279", "13,885", "4", "31.53", "881", "17.9 m"]


def test_several_cities_are_added_up():
    other = dataclasses.replace(CITY, city="Bb", tiles=1, test_queries=5)
    assert cells(count_table([CITY, other])) == ["together", "23,280", "27,770", "9"]


def test_geometry():
    shown = cells(geometry_table([CITY]))
    assert shown == ["Aa", "72.48 m", "36.48 x 36.48 m", "50% x 0%", "163 px", "2.2%", "45.8%", "18.0 m"]


def test_what_does_not_apply_is_a_dash():
    shown = cells(geometry_table([dataclasses.replace(CITY, **NOTHING)]))
    assert shown == ["Aa", "72.48 m", "-", "-", "163 px", "-", "45.8%", "-"]


def test_decentrality_by_the_cards_bins():
    table = decentrality_table([CITY], (0.0, 0.2, 1.0))
    quantiles = ["5 %", "25 %", "median", "75 %", "95 %", "largest"]
    assert cells(table, 0) == ["decentrality", "0-0.2", "0.2-1", *quantiles]
    assert cells(table) == ["Aa", "25.0%", "75.0%", "0.10", "0.20", "0.30", "0.30", "0.40", "0.50"]
