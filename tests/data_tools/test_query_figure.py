from cvgl_bench.data import cards, layouts
from cvgl_bench.data_tools.query_figure import draw_query
from cvgl_bench.plugins import load_plugins
from cvgl_bench.views.images import read_image

KNOWN = load_plugins([]).layouts


def test_the_picture_shows_the_panorama_of_the_chosen_query(noise_world, tmp_path):
    card, root = noise_world
    split = layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).test
    draw_query(split, 3, tmp_path / "a.png")
    draw_query(split, 3, tmp_path / "b.png")
    draw_query(split, 4, tmp_path / "c.png")
    first, again, other = (read_image(tmp_path / f"{name}.png") for name in "abc")
    assert first.shape[0] > 700
    assert (first == again).all()
    assert (first != other).mean() > 0.1
