"""Every image of an evaluation comes as `evaluation.decode` says: those embedded and those located."""

import pytest
import torch

from cvgl_bench.data import cards, layouts
from cvgl_bench.evaluation.evaluate import Place, evaluate
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.plugins import load_plugins

from ..conftest import TILE_PX, MeanColour


class Watching(MeanColour):
    """Answers the middle of a tile, and keeps how high the images were that it was given."""

    can_locate = True

    def __init__(self):
        super().__init__(None)
        self.heights = []

    def least_size(self, view):
        return (5, 5)

    def prepare(self, image, view):
        self.heights.append(len(image))
        return super().prepare(image, view)

    def locate(self, network, queries, references):
        return torch.full((len(queries), 2), 0.5)


@pytest.mark.parametrize(("decode", "height"), [("exact", TILE_PX), ("scaled", TILE_PX // 4)])
def test_images_come_as_the_option_says(noise_world, decode, height):
    path, root = noise_world
    split = layouts.read_task(cards.read_card(path), "cross", root, layouts=load_plugins([]).layouts).test
    method, place = Watching(), Place(torch.device("cpu"), workers=0)
    outcome = evaluate(method, method.build(), split, options=EvaluationOptions(decode=decode), place=place)
    assert "position_error_m" in outcome.extra
    assert set(method.heights) == {height}
    assert len(method.heights) == len(split.references) + len(split) + 2 * 2 * len(split)
