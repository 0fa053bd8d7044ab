import pytest
from PIL import Image

from cvgl_bench.data import layouts
from cvgl_bench.data.layouts.presence import read_header
from cvgl_bench.foundation.errors import DataError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


@pytest.fixture
def split(make, tmp_path):
    test = layouts.read_task(make(tmp_path, "dress").card, "same", tmp_path, layouts=KNOWN).test
    for table in (test.references, test.queries):
        for path in table["path"]:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4)).save(tmp_path / path)
    return test


def test_images_that_are_there_pass(split):
    layouts.check_images(split)


def test_a_missing_image_is_named_with_its_line(split):
    path = split.root / split.queries["path"][5]
    path.unlink()
    with pytest.raises(DataError) as caught:
        layouts.check_images(split)
    assert f"{path} does not exist" in str(caught.value)
    assert "Aa/same_area_balanced_test.txt, line 6 names it" in str(caught.value)


def test_a_damaged_image_is_named_with_its_line(split):
    path = split.root / split.references["path"][9]
    path.write_text("<!DOCTYPE html><p>Too many requests")
    with pytest.raises(DataError) as caught:
        layouts.check_images(split)
    assert str(path) in str(caught.value) and "satellite_list.txt, line 10, is a text page" in str(
        caught.value
    )


def test_what_is_wrong_with_a_file_is_said(tmp_path):
    path = tmp_path / "x.jpg"
    for content, reason in (
        (b"", "is empty"),
        (b"  <html>", "is a text page"),
        (b'{"error": 1}', "is a text page"),
        (b"\x00\x01\x02", "is not an image"),
    ):
        path.write_bytes(content)
        assert reason in read_header(path).fault
    assert read_header(tmp_path / "no.jpg").fault == "does not exist"
    Image.new("RGB", (4, 4)).save(path)
    assert read_header(path) == ((4, 4), "JPEG", None)
