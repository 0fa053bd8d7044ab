import numpy as np
import pytest
import torch

from cvgl_bench.data import cards, layouts
from cvgl_bench.evaluation.evaluate import Place
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.selection import Selector, hold_out

from ..conftest import MeanColour

KNOWN = load_plugins([]).layouts


@pytest.fixture
def train_split(noise_world):
    card, root = noise_world
    return layouts.read_task(cards.read_card(card), "same", root, layouts=KNOWN).train


def test_held_out_tiles_are_no_training_tiles(train_split):
    training, validation = hold_out(train_split, 0.3, seed=0)
    assert len(training) + len(validation) == len(train_split)
    names = [set(part.references["name"].to_numpy()[part.truth]) for part in (training, validation)]
    assert not names[0] & names[1]
    assert names[1] == set(validation.references["name"])


def test_each_query_keeps_its_tile_and_its_covers(train_split):
    _, validation = hold_out(train_split, 0.3, seed=0)
    old_row = {name: row for row, name in enumerate(train_split.queries["name"])}
    for row, name in enumerate(validation.queries["name"]):
        old = old_row[name]
        assert (
            validation.references["name"].iloc[validation.truth[row]]
            == train_split.references["name"].iloc[train_split.truth[old]]
        )
        kept = {validation.references["name"].iloc[c] for c in validation.covers[row] if c >= 0}
        assert kept <= {train_split.references["name"].iloc[c] for c in train_split.covers[old] if c >= 0}


def test_the_seed_decides(train_split):
    first, again, other = (hold_out(train_split, 0.3, seed=seed)[1].fingerprint for seed in (0, 0, 1))
    assert first == again != other


def test_a_share_that_holds_out_nothing_is_refused(train_split):
    with pytest.raises(TrainingError, match="validation_fraction"):
        hold_out(train_split, 0.0, seed=0)
    assert np.unique(train_split.truth).size > 1


@pytest.mark.parametrize("restored", [False, True])
def test_the_best_epoch_is_the_one_that_is_reported(task, tmp_path, restored):
    """One colour of three, which normalising makes a sign, finds nothing; of equals the first is kept."""
    options = TrainingOptions(select="test", epochs=4)
    place = Place(torch.device("cpu"), workers=0)

    def selector():
        return Selector(MeanColour(None), task, options, EvaluationOptions(), place, tmp_path)

    def network(channels):
        linear = MeanColour(None).build()
        with torch.no_grad():
            linear.weight.zero_()[:channels] = torch.eye(3)[:channels]
            linear.bias.zero_()
        return linear

    first = selector()
    recalls = [first.validate(network(channels), epoch) for epoch, channels in enumerate((1, 3, 2), start=1)]
    assert recalls == [0.0, 1.0, 1.0]
    if restored:
        first = selector()
        first.restore()
    assert first.validate(network(1), 4) == recalls[0]
    last = network(1)
    selection = first.finish(last, 4)
    assert (selection.rule, selection.epoch) == ("test", 2)
    assert torch.equal(last.weight, network(3).weight)
