import numpy as np
import pytest
from PIL import Image

from cvgl_bench.data import layouts
from cvgl_bench.data_tools.inspection.figure import TILE_COLOUR, draw_figure
from cvgl_bench.foundation.errors import UsageError
from cvgl_bench.plugins import load_plugins

KNOWN = load_plugins([]).layouts


@pytest.fixture
def task(copy):
    card, root = copy()
    return layouts.read_task(card, "cross", root, layouts=KNOWN)


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


@pytest.mark.parametrize("cities", [("Rio",), ("Chicago", "Rio")])
def test_nothing_is_cut_off_at_the_margins(copy, tmp_path, cities):
    card, root = copy()
    draw_figure(layouts.read_task(card, "same", root, cities=cities, layouts=KNOWN), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width >= 3.5 * 300
        pixels = np.asarray(image.convert("L"))
    for margin in (pixels[:4], pixels[-4:], pixels[:, :4].T, pixels[:, -4:].T):
        assert (margin == 255).all()
    assert (pixels[:, :60] < 200).any() and (pixels[:, -90:] < 200).any(), "and the figure fills its width"
