"""What labels turn out to be must not hang on a few bad lines."""

import dataclasses

import numpy as np
import pytest

from cvgl_bench.data.layouts.cities import read_city, read_city_labels
from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.data.layouts.geometry import m_per_px, offset_m
from cvgl_bench.data.layouts.recognition import recognise
from cvgl_bench.foundation.errors import DataError

from .conftest import SIZE_PX, card_of


def tables_of(tiled):
    convention = CONVENTIONS[tiled.card.layout]
    tables = []
    for city in tiled.card.cities:
        read = read_city(convention, tiled.folder / city / "satellite_list.txt", city)
        tables.append(read_city_labels(convention, read, [tiled.folder / city / "pano_label_balanced.txt"]))
    return convention, tables


def editions(card):
    scales = {"original": 0.2, "corrected": {"Aa": 0.202, "Bb": 0.206}}
    return dataclasses.replace(
        card, label_editions=tuple(scales), tile={"size_px": (100, 100), "m_per_px": scales}
    )


def test_the_measured_scale_is_that_of_the_labels(make, tmp_path):
    for layout in ("vigor", "dress"):
        tiled = make(tmp_path / layout, layout, scale=1.01)
        convention, tables = tables_of(tiled)
        measured = recognise(tiled.card, convention, tables, None).measured
        assert {city: round(scale, 4) for city, (scale, _) in measured.items()} == {"Aa": 0.202, "Bb": 0.202}
        assert measured["Bb"][1] == pytest.approx(-33, abs=0.01)


@pytest.mark.parametrize("value", [1e6, -50.0, 0.0])
def test_a_tenth_of_bad_lines_does_not_change_the_edition(make, tmp_path, value):
    tiled = make(tmp_path, "vigor", scale=1.0)
    for lines in tiled.lines.values():
        for fields in lines[:2]:
            fields[2] = fields[3] = str(value)
    tiled.write()
    assert recognise(editions(tiled.card), *tables_of(tiled), None).edition == "original"


def test_every_city_must_fit_one_edition(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.01)
    with pytest.raises(DataError, match="of no known edition.*Aa 0.2020.* Bb 0.2"):
        recognise(editions(tiled.card), *tables_of(tiled), None)


def test_labels_without_offsets_have_no_scale_and_no_fault(make, tmp_path):
    tiled = make(tmp_path, "vigor")
    for lines in tiled.lines.values():
        for fields in lines:
            for number in (2, 3, 5, 6, 8, 9, 11, 12):
                fields[number] = "0"
    tiled.write()
    found = recognise(tiled.card, *tables_of(tiled), None)
    assert np.isnan(found.measured["Aa"][0]) and found.faults == ()
    with pytest.raises(DataError, match="cannot be told: in no city is there a query"):
        recognise(editions(tiled.card), *tables_of(tiled), None)


def test_a_city_without_offsets_leaves_the_edition_to_the_others(make, tmp_path):
    tiled = make(tmp_path, "vigor", scale=1.0)
    for fields in tiled.lines["Aa"]:
        for number in (2, 3, 5, 6, 8, 9, 11, 12):
            fields[number] = "0"
    tiled.write()
    found = recognise(editions(tiled.card), *tables_of(tiled), None)
    assert np.isnan(found.measured["Aa"][0]) and found.edition == "original"


def test_the_card_gives_metres_per_pixel_in_four_ways():
    def scale(city="Aa", edition="e", editions=(), **tile):
        tile = {"size_px": (SIZE_PX, SIZE_PX), **tile}
        return float(m_per_px(card_of("vigor", tile=tile, label_editions=editions), city, edition, 60.0))

    both = ("e", "f")
    assert scale(m_per_px=0.3) == 0.3
    assert scale(m_per_px={"Aa": 0.3, "Bb": 0.4}, city="Bb") == 0.4
    assert scale(m_per_px={"e": 0.3, "f": 0.4}, edition="f", editions=both) == 0.4
    assert scale(m_per_px={"e": {"Aa": 0.3, "Bb": 0.5}, "f": 0.4}, editions=both) == 0.3
    assert scale(zoom=1) == pytest.approx(2 * np.pi * 6_378_137 / 512 / 2)


def test_offsets_point_east_and_south():
    a_degree_m = 111_195.08
    np.testing.assert_allclose(offset_m(0.0, 0.0, 0.0, 1.0), [a_degree_m, 0], rtol=1e-6)
    np.testing.assert_allclose(offset_m(0.0, 0.0, -1.0, 0.0), [0, a_degree_m], rtol=1e-6)
    np.testing.assert_allclose(offset_m(60.0, 0.0, 60.0, -1.0), [-a_degree_m / 2, 0], rtol=1e-6)
