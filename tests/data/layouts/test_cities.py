"""Reading on after a fault, as verification does."""

import numpy as np
import pytest

from cvgl_bench.data.layouts.cities import read_city, read_city_labels
from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.foundation.errors import DataError

VIGOR = CONVENTIONS["vigor"]


@pytest.fixture
def tiled(make, tmp_path):
    return make(tmp_path, "vigor")


def paths(tiled):
    folder = tiled.folder / "Aa"
    return folder / "satellite_list.txt", folder / "pano_label_balanced.txt"


def test_faults_are_reported_and_the_rest_is_read(tiled):
    tiles, labels = paths(tiled)
    lines = tiled.lines["Aa"]
    lines[1][4] = "satellite_5.0_6.0.png"
    lines[2][0] = "no coordinates.jpg".replace(" ", "-")
    lines[3][0] = lines[0][0]
    lines[4].append("one more")
    tiled.write()
    with tiles.open("a") as file:
        file.write("satellite_one_two.png\n")
    faults = []

    def report(path, line, reason):
        faults.append((str(path), line))

    city = read_city(VIGOR, tiles, "Aa", report=report)
    table = read_city_labels(VIGOR, city, [labels], report=report)
    assert faults[0] == (str(tiles), 17)
    assert sorted(faults[1:]) == [(str(labels), n) for n in (2, 3, 4, 5)]
    assert len(city.tiles) == 17 and np.isnan(city.lat[16])
    assert table.labels.line.tolist() == [1, 2, 3, *range(6, 25)]
    assert table.rows[1, 1] == -1 and (table.rows[3:] >= 0).all()
    assert np.isnan(table.lat[2]) and np.isfinite(table.lat[[0, 1, 3]]).all()
    assert np.isnan(table.offset_m[1, 1]).all() and np.isfinite(table.offset_m[1, 0]).all()


def test_by_default_the_first_fault_ends_the_reading(tiled):
    tiles, labels = paths(tiled)
    tiled.lines["Aa"][3][0] = tiled.lines["Aa"][0][0]
    tiled.write()
    with pytest.raises(DataError, match="pano_label_balanced.txt, line 4: .*has a label before this one"):
        read_city_labels(VIGOR, read_city(VIGOR, tiles, "Aa"), [labels])


def test_several_files_keep_their_own_lines(tiled):
    tiles, _ = paths(tiled)
    halves = [tiled.folder / "Aa" / f"same_area_balanced_{part}.txt" for part in ("train", "test")]
    table = read_city_labels(VIGOR, read_city(VIGOR, tiles, "Aa"), halves)
    assert table.labels.where(0) == (str(halves[0]), 1)
    assert table.labels.where(12) == (str(halves[1]), 1) and len(table.labels) == 24


def test_label_offsets_agree_with_the_names(tiled):
    """Numbers north-first from the tile become pixels east and south to the query."""
    tiles, labels = paths(tiled)
    table = read_city_labels(VIGOR, read_city(VIGOR, tiles, "Aa"), [labels])
    np.testing.assert_allclose(table.offset_px * 0.2, table.offset_m, atol=0.02)
