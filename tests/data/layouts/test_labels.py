import numpy as np
import pytest

from cvgl_bench.data.layouts.labels import read_labels, read_names
from cvgl_bench.foundation.errors import DataError

LINE = "p t0 1 -2 t1 3 4.5 t2 5 6 t3 7 8"


def write(tmp_path, text, name="labels.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_regular_lines_are_read_at_once(tmp_path, end):
    table = read_labels(write(tmp_path, LINE + end + LINE.replace("p ", "q ") + end))
    assert table.queries.to_pylist() == ["p", "q"]
    assert [tiles.to_pylist() for tiles in table.tiles] == [["t0"] * 2, ["t1"] * 2, ["t2"] * 2, ["t3"] * 2]
    np.testing.assert_array_equal(table.numbers[0], [[1, -2], [3, 4.5], [5, 6], [7, 8]])
    assert table.line.tolist() == [1, 2]


def test_odd_white_space_and_blank_lines_keep_their_line_numbers(tmp_path):
    text = "\n" + LINE.replace(" ", "\t ") + "\n\n" + LINE.replace("p ", "q ") + " \n"
    table = read_labels(write(tmp_path, text))
    assert table.queries.to_pylist() == ["p", "q"]
    assert table.line.tolist() == [2, 4]
    np.testing.assert_array_equal(table.numbers[1, 1], [3, 4.5])


@pytest.mark.parametrize(
    "bad, reason",
    [
        (LINE + " 9", "14 fields where 13 are expected"),
        (LINE[:-2], "12 fields where 13"),
        (LINE.replace("4.5", "left"), "field 7 is 'left', which is not a number"),
        (LINE.replace("4.5", "nan"), "field 7 is 'nan'"),
        (LINE.replace("4.5", "inf"), "field 7 is 'inf'"),
        (LINE.replace("p ", "../p "), "'../p' is a path"),
        (LINE.replace("p ", "a\\p "), "is a path"),
    ],
)
def test_a_bad_line_is_named(tmp_path, bad, reason):
    path = write(tmp_path, LINE + "\n" + bad + "\n")
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert f"{path}, line 2: " in str(caught.value) and reason in str(caught.value)


def test_faults_can_be_collected_instead(tmp_path):
    lines = [LINE, "too short", LINE.replace("p ", "q "), LINE.replace("p ", "a/r "), LINE.replace("8", "x")]
    faults = []
    table = read_labels(write(tmp_path, "\n".join(lines)), on_fault=lambda *fault: faults.append(fault))
    assert table.queries.to_pylist() == ["p", "q"] and table.line.tolist() == [1, 3]
    assert sorted(line for line, _ in faults) == [2, 4, 5]


def test_a_file_that_is_missing_empty_or_not_text_is_named(tmp_path):
    for path, reason in (
        (tmp_path / "absent.txt", "does not exist"),
        (write(tmp_path, "", "empty.txt"), "holds nothing"),
    ):
        with pytest.raises(DataError, match=reason) as caught:
            read_labels(path)
        assert str(path) in str(caught.value)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\x00\x81" * 10)
    with pytest.raises(DataError, match="binary.txt is not a text file"):
        read_labels(binary)


def test_names_are_unique_files(tmp_path):
    names, line = read_names(write(tmp_path, "a.png\nb.png\n"))
    assert names.to_pylist() == ["a.png", "b.png"] and line.tolist() == [1, 2]
    with pytest.raises(DataError, match="line 3: 'a.png' occurs twice"):
        read_names(write(tmp_path, "a.png\nb.png\na.png\n"))
    with pytest.raises(DataError, match="line 2: 'x/b.png' is a path"):
        read_names(write(tmp_path, "a.png\nx/b.png\n"))
    with pytest.raises(DataError, match="line 2: 2 fields where one tile name"):
        read_names(write(tmp_path, "a.png\n\n".replace("\n\n", "\nb.png c.png\n")))


def test_repeated_names_can_be_collected(tmp_path):
    faults = []
    path = write(tmp_path, "a.png\nb.png\na.png\n../c.png\n")
    names, line = read_names(path, on_fault=lambda *fault: faults.append(fault))
    assert names.to_pylist() == ["a.png", "b.png"] and line.tolist() == [1, 2]
    assert {at for at, _ in faults} == {3, 4}


@pytest.mark.parametrize("tail", ["", "\n", "\n\n"])
def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path, tail):
    (tmp_path / "list.txt").write_text(f"a.png\nb.png\n{tail}", encoding="utf-8-sig")
    assert read_names(tmp_path / "list.txt")[0].to_pylist() == ["a.png", "b.png"]
