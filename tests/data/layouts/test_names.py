import numpy as np
import pyarrow as pa
import pytest

from cvgl_bench.data.layouts.conventions import CONVENTIONS
from cvgl_bench.data.layouts.names import coordinates
from cvgl_bench.foundation.errors import DataError


def test_every_convention_finds_lat_and_lon():
    names = {
        ("vigor", "query_name"): "rTW64elY_RVtD5-DWJ9kBgnA,40.731011,-73.995289,.jpg",
        ("vigor", "reference_name"): "satellite_40.731011_-73.995289.png",
        ("dress", "query_name"): "id,Chicago,40.731011,-73.995289,12.5,.jpg",
        ("dress", "reference_name"): "satellite_z18_-73.995289_40.731011.jpg",
    }
    for (layout, kind), name in names.items():
        lat, lon = coordinates(pa.array([name]), getattr(CONVENTIONS[layout], kind), where="list")
        assert (lat[0], lon[0]) == (40.731011, -73.995289)


@pytest.mark.parametrize(
    "bad",
    ["satellite_40.7.png", "satellite_40.7_-74_0.png", "satellite_north_-74.png", "satellite_nan_-74.png",
     "satellite_140.7_-74.0.png", "satellite_40.7_-274.0.png", "plain.png"],
)  # fmt: skip
def test_a_name_without_coordinates_is_named(bad):
    pattern = CONVENTIONS["vigor"].reference_name
    names = pa.array(["satellite_1.0_2.0.png", bad])
    with pytest.raises(DataError) as caught:
        coordinates(names, pattern, where="tiles.txt")
    assert f"tiles.txt: the name '{bad}'" in str(caught.value)
    faults = []
    lat, lon = coordinates(names, pattern, where="", on_fault=lambda *fault: faults.append(fault))
    assert [row for row, _ in faults] == [1]
    assert (lat[0], lon[0]) == (1, 2) and np.isnan([lat[1], lon[1]]).all()
