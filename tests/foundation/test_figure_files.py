"""Figures are written whole or not at all."""

import pytest
from matplotlib.figure import Figure
from PIL import Image

from cvgl_bench.foundation.errors import DataError, UsageError
from cvgl_bench.foundation.figure_files import check_format, save_figure


def test_formats_are_known_by_their_endings(tmp_path):
    check_format(tmp_path / "a.PDF")
    with pytest.raises(UsageError, match=r"a\.jpg: use one of the endings .pdf, .png, .svg"):
        check_format(tmp_path / "a.jpg")


def test_a_figure_is_written_into_a_new_folder_and_nothing_is_left_beside_it(tmp_path):
    save_figure(Figure(figsize=(2, 1)), tmp_path / "new" / "a.png", dots_per_inch=50)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.size == (100, 50)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        save_figure(Figure(), tmp_path / "file" / "a.png", dots_per_inch=50)
