import dataclasses

import numpy as np
import pytest
import torch

from cvgl_bench.data import cards, layouts
from cvgl_bench.evaluation.evaluate import Place
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.selection import Selector, hold_out, leave_out

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


def test_a_city_left_out_is_validated_with_all_its_tiles(train_split):
    cities = sorted(train_split.queries["city"].unique())
    training, validation = leave_out(train_split, None)
    assert set(validation.queries["city"]) == {cities[-1]} == set(validation.references["city"])
    assert len(validation.references) == np.sum(train_split.references["city"] == cities[-1])
    assert set(training.queries["city"]) == set(cities[:-1])
    assert len(training) + len(validation) == len(train_split)
    named = train_split.references["name"].to_numpy()[train_split.truth]
    held = train_split.queries["city"] == cities[-1]
    assert validation.references["name"].to_numpy()[validation.truth].tolist() == named[held].tolist()
    assert set(leave_out(train_split, cities[0])[1].queries["city"]) == {cities[0]}
    without = train_split.truth != train_split.truth[np.flatnonzero(held)[0]]
    fewer = dataclasses.replace(
        train_split,
        queries=train_split.queries[without].reset_index(drop=True),
        truth=train_split.truth[without],
        covers=train_split.covers[without],
        position_px=train_split.position_px[without],
    )
    gallery = leave_out(fewer, None)[1].references["name"].tolist()
    assert gallery == validation.references["name"].tolist(), "a tile that no query lies in is there too"


def test_a_city_that_cannot_be_left_out_is_refused_in_one_line(train_split):
    cities = sorted(train_split.queries["city"].unique())
    with pytest.raises(TrainingError, match=f"does not train on it.*Did you mean '{cities[0]}'") as caught:
        leave_out(train_split, cities[0] + "x")
    assert "\n" not in str(caught.value)
    alone, _ = leave_out(train_split, cities[-1])
    while len(set(alone.queries["city"])) > 1:
        alone, _ = leave_out(alone, None)
    with pytest.raises(TrainingError, match=f"trains on {cities[0]} alone.*select=validation or") as caught:
        leave_out(alone, None)
    assert "\n" not in str(caught.value)


def test_the_city_that_chose_the_epoch_is_recorded(task, train_split, tmp_path):
    task = dataclasses.replace(task, train=train_split)
    options = TrainingOptions(select="validation-city", epochs=1)
    place = Place(torch.device("cpu"), workers=0)
    selector = Selector(MeanColour(None), task, options, EvaluationOptions(), place, tmp_path)
    network = MeanColour(None).build()
    assert selector.validate(network, 1) is not None
    city = sorted(task.train.queries["city"].unique())[-1]
    assert city not in set(selector.train_split.queries["city"]) and city in selector.where
    selection = selector.finish(network, 1)
    assert (selection.rule, selection.epoch, selection.city) == ("validation-city", 1, city)
