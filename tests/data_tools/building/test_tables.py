"""CSV files of images and photos."""

from __future__ import annotations

import pytest

from cvgl_bench.data_tools.building.tables import column_names, position_fault, read_rows
from cvgl_bench.foundation.errors import DataError, OptionError


def rows(tmp_path, text: str, **names):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return list(read_rows(path, names, required=("photo", "lat_deg", "lon_deg")))


def test_cells_are_read_with_other_names_and_a_byte_order_mark(tmp_path):
    row = rows(tmp_path, "\ufeffphoto , lat,lon_deg\n a.jpg ,1.5, -2\n", lat_deg="lat")[0]
    assert row.file_name("photo") == "a.jpg"
    assert row.position() == (1.5, -2.0)
    assert row.number("heading_deg") is None and row.text("city") == ""


def test_a_missing_column_is_named_with_the_likeliest(tmp_path):
    with pytest.raises(
        DataError, match="no column 'lat_deg'. Did you mean 'lat_dge'.*--columns lat_deg=THEIRS"
    ):
        rows(tmp_path, "photo,lat_dge,lon_deg\n")


@pytest.mark.parametrize(
    ("lat", "lon", "text"),
    [
        ("151.2", "-33.8", "no place on the Earth. Are latitude and longitude swapped"),
        ("95", "200", "no place on the Earth$"),
        ("x", "1", "lat_deg is 'x', which is not a number"),
        ("nan", "1", "not a number"),
        ("", "1", "lat_deg is empty"),
        ("1", " ", "lon_deg is empty"),
    ],
)
def test_bad_positions_name_the_line(tmp_path, lat, lon, text):
    row = rows(tmp_path, f"photo,lat_deg,lon_deg\na.jpg,1,1\nb.jpg,{lat},{lon}\n")[1]
    with pytest.raises(DataError, match="t.csv, line 3: .*" + text.rstrip("$")):
        row.position()


@pytest.mark.parametrize(
    "name", ["../x.jpg", "/etc/x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "\\\\server\\x.jpg", ""]
)
def test_names_stay_in_their_folder(tmp_path, name):
    row = rows(tmp_path, f"photo,lat_deg,lon_deg\n{name},1,1\n")[0]
    with pytest.raises(DataError, match="line 2: photo"):
        row.file_name("photo")


def test_what_is_no_csv_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00photo")
    with pytest.raises(DataError, match="not a CSV file in UTF-8"):
        list(read_rows(tmp_path / "t.csv", {}, required=()))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        list(read_rows(tmp_path / "none.csv", {}, required=()))


def test_columns_are_assigned():
    assert column_names(["image=ortho", " photo = file "]) == {"image": "ortho", "photo": "file"}
    with pytest.raises(OptionError, match="not of the form"):
        column_names(["image"])


def test_places_on_the_earth():
    assert position_fault(90, -180) is None
    assert "swapped" in position_fault(120, 30)
    assert "swapped" not in position_fault(120, 95)


def test_tables_as_spreadsheets_save_them(tmp_path):
    windows = rows(tmp_path, "photo,lat_deg,lon_deg\nsub\\a.jpg,1,2\n./b.jpg,3,4\n,,\n ,,\n")
    assert [row.file_name("photo") for row in windows] == ["sub/a.jpg", "b.jpg"]
    for delimiter in ";\t":
        text = "photo;lat_deg;lon_deg\na.jpg;60,5;-24,25\n;;\n".replace(";", delimiter)
        assert [row.position() for row in rows(tmp_path, text)] == [(60.5, -24.25)]


def test_cells_and_columns_that_would_be_lost_are_named(tmp_path):
    with pytest.raises(DataError, match="line 2: it has more cells than the 3 columns of the header: '5'"):
        rows(tmp_path, "photo,lat_deg,lon_deg\na.jpg,60,24,5\n")
    with pytest.raises(DataError, match="2 columns called 'lat_deg'"):
        rows(tmp_path, "photo,lat_deg,lon_deg,lat_deg\na.jpg,60,24,5\n")
