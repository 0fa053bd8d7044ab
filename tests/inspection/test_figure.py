import pytest
from PIL import Image

from cvgl_bench import layouts
from cvgl_bench.errors import UsageError
from cvgl_bench.inspection.figure import TILE_COLOUR, draw_figure


@pytest.fixture
def task(copy):
    card, root = copy()
    return layouts.read_task(card, "cross", root)


def test_a_figure_shows_tiles_and_queries(task, tmp_path):
    draw_figure(task, tmp_path / "new" / "figure.png")
    with Image.open(tmp_path / "new" / "figure.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
        assert image.width > image.height / 2 > 300
    tile = tuple(int(TILE_COLOUR[n : n + 2], 16) for n in (1, 3, 5))
    assert {tile, (0, 0x72, 0xB2), (0xD5, 0x5E, 0)} <= colours
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figure.png"]


def test_a_pdf_is_written_and_another_format_refused(task, tmp_path):
    draw_figure(task, tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(UsageError, match=r"figure.gif: use one of the endings \.pdf"):
        draw_figure(task, tmp_path / "figure.gif")
