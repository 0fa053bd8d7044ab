import numpy as np
import pytest

from cvgl_bench.data import cards, layouts
from cvgl_bench.foundation.errors import TrainingError
from cvgl_bench.plugins import load_plugins
from cvgl_bench.training.selection import hold_out

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
