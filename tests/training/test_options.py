"""What every option of the loop changes."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cvgl_bench.data import cards, layouts
from cvgl_bench.evaluation.evaluate import Place
from cvgl_bench.evaluation.options import EvaluationOptions
from cvgl_bench.foundation.errors import OptionError
from cvgl_bench.foundation.options import Layer, resolve
from cvgl_bench.plugins import load_plugins
from cvgl_bench.ranking import neighbours
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.sampling import gps_neighbours, neighbour_batches, random_batches
from cvgl_bench.training.selection import Selector

from .conftest import Probe, Recorded, task_of

CITIES = ["Aa", "Bb"]
"""Of the world of noise."""
QUICK = {"epochs": 1, "batch_size": 4, "sampling": "random", "warmup_epochs": 0.0, "learning_rate": 0.01}


def trained(split, **options):
    return Recorded(split, **QUICK | options).run()


def selector(task, folder, **options):
    method = Probe()
    place = Place(torch.device("cpu"), workers=0)
    return Selector(method, task, TrainingOptions(**options), EvaluationOptions(), place, folder)


def test_every_option_has_a_test():
    """Here, or those of the optimiser beside it."""
    texts = [path.read_text() for path in Path(__file__).parent.glob("test*_options.py")]
    names = re.findall(r"^def test_(\w+?)__", "".join(texts), re.MULTILINE)
    assert set(names) == {field.name for field in dataclasses.fields(TrainingOptions)}


def test_epochs__are_passes_over_the_training_queries(train_split):
    run = trained(train_split, epochs=3)
    assert len(run.epochs) == run.state.epoch == 3
    assert len(run.steps) == 3 * (len(train_split) // 4)
    for epoch in range(3):
        rows = np.concatenate(run.method.batches[4 * epoch : 4 * epoch + 4])
        assert len(set(rows)) == len(rows) == 16


def test_batch_size__is_the_number_of_pairs_that_a_step_sees(train_split):
    for size in (2, 4, 6):
        run = trained(train_split, batch_size=size)
        assert {len(batch) for batch in run.method.batches} == {size}
        assert len(run.steps) == len(train_split) // size


def test_chunk__is_how_many_pairs_the_network_sees_at_a_time(train_split):
    """Twice where it sees less than a batch; the criterion sees the batch."""

    class Counting(Probe):
        def build(self):
            network = super().build()
            network[1] = nn.Identity()  # What draws is found by a first look, once.
            return network

        def represent(self, network, batch):
            sizes.append(len(batch["query"]))
            return super().represent(network, batch)

    for chunk, expected in (("auto", [4]), (4, [4]), (3, [3, 1, 3, 1]), (1, [1] * 8)):
        sizes = []
        run = Recorded(train_split, Counting(), **QUICK | {"chunk": chunk}).run()
        assert sizes == 4 * expected
        assert {len(batch) for batch in run.method.batches} == {4}


@pytest.mark.parametrize(
    ("name", "kind", "scales"),
    [
        ("off", torch.float32, False),
        ("auto", torch.float32, False),
        ("bf16", torch.bfloat16, False),
        ("fp16", torch.float16, True),
    ],
)
def test_mixed_precision__is_what_the_network_computes_in(train_split, name, kind, scales):
    run = trained(train_split, mixed_precision=name)
    assert set(run.method.dtypes) == {kind}
    assert run.state.scaler.is_enabled() == scales
    assert {tensor.dtype for tensor in run.state.network.state_dict().values()} == {torch.float32}


def test_decode__decides_how_large_the_images_of_pairs_are(train_split, monkeypatch):
    monkeypatch.setattr(Probe, "least_size", lambda self, view: (3, 3), raising=False)

    def sides(decode):
        return {pair.query.shape[0] for pair in pairs_seen(train_split, monkeypatch, decode=decode)}

    (whole,), (scaled,) = sides("exact"), sides("scaled")
    assert 3 <= scaled < whole
    mined, prepare = set(), Probe.prepare

    def watched(self, image, view):
        mined.add(len(image))
        return prepare(self, image, view)

    monkeypatch.setattr(Probe, "prepare", watched)
    trained(train_split, decode="scaled", sampling="neighbours", mine_every=1, epochs=2, neighbour_pool=3)
    assert scaled in mined and whole not in mined


def pairs_seen(split, monkeypatch, **options):
    seen, prepare = [], Probe.prepare_pair

    def watched(self, pair, generator):
        seen.append(pair)
        return prepare(self, pair, generator)

    with monkeypatch.context() as patch:
        patch.setattr(Probe, "prepare_pair", watched)
        trained(split, **options)
    return seen


def positions(split):
    return (table[["lat", "lon"]].to_numpy() for table in (split.queries, split.references))


def test_sampling__decides_whether_batches_hold_neighbours(train_split):
    truth, generator = train_split.truth, lambda: np.random.default_rng([1, 1])
    at_random = trained(train_split, sampling="random")
    assert at_random.method.batches == random_batches(truth, 4, generator=generator()).tolist()
    assert at_random.state.neighbours is None
    settings = {"neighbour_select": 2, "neighbour_pool": 4}
    near = trained(train_split, sampling="neighbours", mine_every=0, **settings)
    pools = gps_neighbours(*positions(train_split), truth=truth, pool=4)
    expected = neighbour_batches(pools, truth, batch_size=4, select=2, generator=generator())
    assert near.method.batches == expected.tolist()
    seed, first = near.method.batches[0][:2]
    assert truth[first] == pools[seed, 0], "the seed's nearest reference comes right after it"


def test_neighbour_select__is_how_many_neighbours_join_a_seed(train_split):
    """The third pair is the second of the seed's neighbours where four may join, else anybody."""
    settings = {"sampling": "neighbours", "mine_every": 0, "neighbour_pool": 4}
    pools = gps_neighbours(*positions(train_split), truth=train_split.truth, pool=4)
    batches = {n: trained(train_split, neighbour_select=n, **settings).method.batches for n in (2, 4)}
    seed, *others = batches[4][0]
    assert [train_split.truth[row] for row in others[:2]] == pools[seed, :2].tolist()
    assert batches[2] != batches[4]


def test_neighbour_pool__is_how_many_neighbours_are_drawn_from(train_split):
    settings = {"sampling": "neighbours", "neighbour_select": 2, "mine_every": 1, "epochs": 2}
    for pool in (2, 5):
        run = Recorded(train_split, **QUICK | settings, neighbour_pool=pool)
        widths = set()
        run.run(lambda run, seen=widths: seen.add(run.state.neighbours.shape[1]))
        assert widths == {pool}


def test_neighbour_metric__is_the_distance_by_which_neighbours_are_near(noise_world):
    """At 33 degrees south degrees that are taken for radians give other neighbours."""
    train_split = task_of(noise_world, "same").train
    found = {}
    for metric in ("great-circle", "degrees-as-radians"):
        settings = {"sampling": "neighbours", "neighbour_pool": 2, "neighbour_metric": metric}
        found[metric] = trained(train_split, **settings).state.neighbours
        pools = gps_neighbours(*positions(train_split), truth=train_split.truth, pool=2, metric=metric)
        assert np.array_equal(found[metric], pools)
    assert not np.array_equal(*found.values())


class Scattered(Probe):
    """Embeds each query anywhere, so that two of one tile have other neighbours."""

    def embed(self, network, images, view):
        return network(torch.sin(1e4 * images) if view == "query" else images)


@pytest.mark.parametrize("epochs", [1, 2])
def test_neighbour_owner__decides_whether_queries_of_a_reference_share_neighbours(train_split, epochs):
    """Geographic ones in the first epoch, mined ones in the second."""

    def shared(owner):
        settings = {"sampling": "neighbours", "neighbour_pool": 8, "mine_every": 1, "epochs": epochs}
        run = Recorded(train_split, Scattered(), **QUICK | settings, neighbour_owner=owner).run()
        pools, order = run.state.neighbours, np.argsort(train_split.truth, kind="stable")
        return (pools[order[::2]] == pools[order[1::2]]).all()

    assert shared("reference") and not shared("query")


@pytest.mark.parametrize(("every", "epochs"), [(0, []), (1, [2, 3, 4, 5]), (2, [3, 5]), (3, [4])])
def test_mine_every__is_how_many_epochs_use_the_same_neighbours(train_split, every, epochs):
    run = trained(train_split, sampling="neighbours", mine_every=every, epochs=5, neighbour_pool=4)
    assert [int(re.search(r"mined for epoch (\d)", line)[1]) for line in run.said] == epochs


def test_mine_index__is_the_index_that_is_searched(train_split, monkeypatch):
    monkeypatch.setattr(neighbours, "LEAST_REFERENCES", 1)
    monkeypatch.setattr(neighbours, "CELL_REFERENCES", 4)
    settings = {"sampling": "neighbours", "mine_every": 1, "epochs": 2, "neighbour_pool": 3}
    assert "index flat: exact" in trained(train_split, mine_index="flat", **settings).said[0]
    assert re.search(r"index ivf: [\d.]+% of", trained(train_split, mine_index="ivf", **settings).said[0])


@pytest.mark.parametrize("sampling", ["random", "neighbours"])
def test_keep_covers_apart__keeps_false_negatives_out_of_batches(train_split, sampling):
    settings = {"batch_size": 2, "sampling": sampling, "epochs": 4, "mine_every": 0}

    def clashes(apart):
        batches = trained(train_split, keep_covers_apart=apart, **settings).method.batches
        covers, truth = train_split.covers, train_split.truth
        return sum(bool(set(covers[a]) & {truth[b]}) for pair in batches for a, b in (pair, pair[::-1]))

    assert clashes(False) > 0
    assert clashes(True) == 0


def test_keep_covers_apart__keeps_further_true_references_out_of_batches(train_split):
    covers = train_split.covers
    several = dataclasses.replace(train_split, covers=np.empty((len(covers), 0), np.int64), also_true=covers)
    settings = {"batch_size": 2, "sampling": "random", "epochs": 4}

    def clashes(apart):
        batches = trained(several, keep_covers_apart=apart, **settings).method.batches
        return sum(several.truth[b] in covers[a] for pair in batches for a, b in (pair, pair[::-1]))

    assert clashes(False) > 0
    assert clashes(True) == 0


def test_select__decides_what_epochs_are_compared_on(task, tmp_path):
    last, held, test = (selector(task, tmp_path, select=rule) for rule in ("last", "validation", "test"))
    network = Probe().build()
    assert last.train_split is task.train and not last.validates
    assert last.validate(network, 1) is None
    assert test.train_split is task.train and test.validates
    assert test.where == "the test split"
    assert held.validates and len(held.train_split) < len(task.train)
    assert held.where == "held-out training tiles"
    assert last.finish(network, 40).epoch == 40


@pytest.mark.parametrize(("fraction", "tiles"), [(0.1, 1), (0.35, 3), (0.5, 4)])
def test_validation_fraction__is_the_share_of_training_tiles_held_out(task, tmp_path, fraction, tiles):
    held = selector(task, tmp_path, select="validation", validation_fraction=fraction)
    assert len(np.unique(held.train_split.truth)) == 9 - tiles
    assert len(held.train_split) == 2 * (9 - tiles)


@pytest.mark.parametrize("city", CITIES)
def test_validation_city__is_the_training_city_left_out(noise_world, tmp_path, city):
    card, root = noise_world
    both = layouts.read_task(cards.read_card(card), "same", root, layouts=load_plugins([]).layouts)
    held = selector(both, tmp_path, select="validation-city", validation_city=city)
    assert held.validates and set(held.train_split.queries["city"]) == {
        other for other in CITIES if other != city
    }
    assert held.where == f"{city}, which is left out of training"
    last = selector(both, tmp_path, select="validation-city")
    assert set(last.train_split.queries["city"]) == {"Aa"}


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (4, [4, 5])])
def test_validate_every__is_how_many_epochs_pass_between_validations(task, tmp_path, every, epochs):
    test = selector(task, tmp_path, select="test", validate_every=every, epochs=5)
    network = Probe().build()
    assert [epoch for epoch in range(1, 6) if test.validate(network, epoch) is not None] == epochs


def test_seed__decides_batches_augmentation_and_what_is_held_out(task, tmp_path):
    one, again, other = (trained(task.train, seed=seed) for seed in (1, 1, 2))
    assert one.method.batches == again.method.batches != other.method.batches
    assert one.steps[0].sums == again.steps[0].sums != other.steps[0].sums
    held = [
        selector(task, tmp_path, select="validation", validation_fraction=0.4, seed=seed).train_split
        for seed in (1, 1, 2)
    ]
    assert held[0].fingerprint == held[1].fingerprint != held[2].fingerprint


def test_seed__gives_every_epoch_batches_and_noise_of_its_own(train_split):
    run = trained(train_split, epochs=2, learning_rate=0.0)
    assert run.method.batches[:4] != run.method.batches[4:]
    noise = {}
    for rows, images in zip(run.method.batches, run.method.seen, strict=True):
        for row, image in zip(rows, images, strict=True):
            noise.setdefault(row, []).append(tuple(image.tolist()))
    assert all(len(set(images)) == len(images) for images in noise.values())


@pytest.mark.parametrize("claim", [{"tuned_on": "test"}, {"tuned_on": "validation", "tries": 9}])
def test_tuned_on__says_where_settings_come_from_and_changes_nothing(train_split, claim):
    plain, claimed = trained(train_split), trained(train_split, **claim)
    assert [step.sums for step in plain.steps] == [step.sums for step in claimed.steps]


@pytest.mark.parametrize("tries", [0, -1, 1.5])
def test_tries__is_a_number_of_settings(tries):
    assert resolve(TrainingOptions, [Layer("recipe", {"tries": 12})])[0].tries == 12
    with pytest.raises(OptionError, match="tries"):
        resolve(TrainingOptions, [Layer("recipe", {"tries": tries})])
