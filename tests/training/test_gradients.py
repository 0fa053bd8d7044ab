"""Gradients of a batch that goes through the network in chunks are those of the whole batch."""

import contextlib
from functools import partial

import numpy as np
import pytest
import torch
from timm.layers import DropPath
from torch import nn

from cvgl_bench.foundation.errors import OptionError, PluginError, TrainingError
from cvgl_bench.method import Context
from cvgl_bench.training.gradients import backward
from cvgl_bench.training.options import TrainingOptions
from cvgl_bench.training.state import restore_state, save_state

from ..conftest import MeanColour
from .conftest import Probe, Recorded, assert_same_steps

PAIRS, CHUNKS = 8, (1, 3, 8)
FIRST_STEP = Context(step=0, steps=1, epoch=0, epochs=1)


class Normed(MeanColour):
    """Has a layer of a kind after its first one, and a term that belongs to each pair alone."""

    def __init__(self, layer):
        super().__init__(None)
        self._layer = layer

    def build(self):
        network = nn.Sequential(nn.Linear(3, 8), self._layer, nn.Linear(8, 8))
        network.scale = nn.Parameter(torch.tensor(2.0))
        return network

    def represent(self, network, batch):
        outputs = super().represent(network, batch)
        return outputs | {"own": outputs["query"].square().sum(dim=1), "row": batch["pair.row"]}

    def criterion(self, network, outputs, context):
        assert outputs["row"].tolist() == list(range(PAIRS)), "the criterion sees the whole batch, in order"
        # Drawn between the two passes, so that what is drawn after them must not repeat it.
        own = 0.1 * torch.rand(()) * outputs["own"].mean()
        return super().criterion(network, outputs, context) | {"own": own}


def drawn(seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = {view: torch.randn(PAIRS, 3, generator=generator) for view in ("query", "reference")}
    return images | {"pair.row": torch.arange(PAIRS)}


def gradients(method, chunk):
    """Return terms, gradients and buffers after a backward pass in chunks, and what is drawn next."""
    torch.manual_seed(1)
    network = method.build().train()
    terms, _ = backward(
        method,
        network,
        drawn(),
        context=FIRST_STEP,
        chunk=chunk,
        autocast=contextlib.nullcontext,
        scale=lambda loss: loss,
    )
    return terms, found(network), torch.rand(3)


def found(network):
    named = {name: parameter.grad for name, parameter in network.named_parameters()}
    return named | dict(network.named_buffers())


def in_one_graph(method, chunk):
    """The same in one graph of all chunks, which holds the activations of the whole batch."""
    torch.manual_seed(1)
    network = method.build().train()
    batch = drawn()
    parts = [
        method.represent(network, {name: rows[first : first + chunk] for name, rows in batch.items()})
        for first in range(0, PAIRS, chunk)
    ]
    outputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    terms = method.criterion(network, outputs, FIRST_STEP)
    sum(terms.values()).backward()
    return terms, found(network), torch.rand(3)


def assert_close(one, other, *, relative=1e-6):
    (terms, tensors, next_draws), (other_terms, other_tensors, other_draws) = one, other
    for name, term in terms.items():
        assert term.item() == pytest.approx(other_terms[name].item(), rel=relative)
    for name, tensor in tensors.items():
        largest = float(other_tensors[name].abs().max())
        assert float((tensor - other_tensors[name]).abs().max()) <= relative * max(largest, 1e-3), name
    assert torch.equal(next_draws, other_draws)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_they_are_those_of_the_whole_batch(chunk):
    method = Normed(nn.LayerNorm(8))
    assert_close(gradients(method, chunk), in_one_graph(Normed(nn.LayerNorm(8)), PAIRS))


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize(
    "layer", [lambda: nn.Dropout(0.5), lambda: nn.AlphaDropout(0.5), lambda: DropPath(0.5), lambda: Noise()]
)
def test_random_layers_draw_what_they_draw_on_the_whole_batch(chunk, layer):
    assert_close(gradients(Normed(layer()), chunk), in_one_graph(Normed(layer()), PAIRS))


class Noise(nn.Module):
    """Draws in every way that torch has, for each number, each pair, and once for all."""

    def forward(self, rows):
        rows = rows + 0.1 * torch.randn(len(rows), 8) + 0.1 * torch.rand_like(rows) + torch.randn_like(rows)
        rows = rows * torch.empty(len(rows), 1).uniform_(0.5, 2) + torch.empty_like(rows).normal_()
        return rows + torch.bernoulli(rows.detach().sigmoid(), 0.3) + torch.rand(())


@pytest.mark.parametrize("chunk", [2, 3, 8])
def test_running_statistics_are_those_of_one_pass(chunk):
    layer = partial(nn.BatchNorm1d, 8, momentum=0.3)
    assert_close(gradients(Normed(layer()), chunk), in_one_graph(Normed(layer()), chunk))


class Hungry(Probe):
    """Runs out of a GPU's memory with more than `holds` pairs."""

    name = "hungry"
    holds = 2

    def represent(self, network, batch):
        outputs = super().represent(network, batch)
        if len(batch["query"]) > self.holds:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return outputs


SETTINGS = {"epochs": 2, "batch_size": 8, "learning_rate": 0.05, "sampling": "random"}


def test_auto_halves_a_chunk_that_does_not_fit_and_loses_nothing(train_split):
    found = Recorded(train_split, Hungry(), **SETTINGS).run()
    expected = Recorded(train_split, chunk=2, **SETTINGS).run()
    assert_same_steps(found.steps, expected.steps)
    assert [line.split(": from here on ")[1] for line in found.said] == [
        "4 pairs go through it at a time",
        "2 pairs go through it at a time",
    ]


def test_a_chunk_that_was_found_is_kept_by_a_saved_state(train_split, tmp_path):
    first = Recorded(train_split, Hungry(), **SETTINGS | {"epochs": 1}).run()
    save_state(first.state, tmp_path / "state.safetensors")
    second = Recorded(train_split, Hungry(), **SETTINGS)
    restore_state(second.state, tmp_path / "state.safetensors")
    assert second.run().said == []


def test_where_a_given_chunk_does_not_fit_the_error_says_what_to_do(train_split):
    with pytest.raises(
        TrainingError, match=r"does not hold a step of 8 pairs\. Set a smaller training.chunk"
    ):
        Recorded(train_split, Hungry(), chunk=4, **SETTINGS).run()
    none = Hungry()
    none.holds = 0
    with pytest.raises(TrainingError, match="does not hold a step of 8 pairs"):
        Recorded(train_split, none, **SETTINGS).run()


def test_a_chunk_larger_than_the_batch_is_refused():
    with pytest.raises(OptionError, match="training.chunk is 9, more than the 8 pairs of a batch"):
        TrainingOptions(batch_size=8, chunk=9)


class Batched(Probe):
    """Normalises over what it sees."""

    def build(self):
        network = super().build()
        network[1] = nn.BatchNorm1d(8)
        return network


def test_layers_that_normalise_over_a_chunk_are_said_once(train_split):
    said = Recorded(train_split, Batched(), chunk=4, **SETTINGS).run().said
    assert said == ["  layers that normalise over a batch see 4 pairs, not 8"]
    assert Recorded(train_split, Batched(), **SETTINGS).run().said == []
    assert Recorded(train_split, Probe(), chunk=4, **SETTINGS).run().said == []


class Rowless(Probe):
    """Gives fewer rows than pairs."""

    name = "rowless"

    def represent(self, network, batch):
        return {name: rows[1:] for name, rows in super().represent(network, batch).items()}


class Vector(Probe):
    """Gives a loss for each pair."""

    name = "vector"

    def criterion(self, network, outputs, context):
        return {"each": outputs["query"].sum(dim=1)}


@pytest.mark.parametrize("chunk", ["auto", 3])
def test_a_method_that_breaks_the_contract_is_named_in_one_line(train_split, chunk):
    with pytest.raises(
        PluginError, match=r"'rowless' breaks its contract: represent\(\) gives a tensor \(\d, 8\)"
    ):
        Recorded(train_split, Rowless(), chunk=chunk, **SETTINGS).run()
    with pytest.raises(
        PluginError, match=r"'vector' breaks its contract: criterion\(\) gives a tensor \(8,\)"
    ):
        Recorded(train_split, Vector(), chunk=chunk, **SETTINGS).run()


def test_a_pair_and_its_batch_say_where_they_come_from(train_split):
    pairs, batches = {}, []

    class Asking(Probe):
        def prepare_pair(self, pair, generator):
            pairs[pair.row] = pair
            return super().prepare_pair(pair, generator)

        def represent(self, network, batch):
            batches.append(batch)
            return super().represent(network, batch)

    Recorded(train_split, Asking(), **SETTINGS | {"epochs": 1}).run()
    references = train_split.references.iloc[train_split.truth]
    for row, pair in pairs.items():
        assert pair.position_px == pytest.approx(tuple(train_split.position_px[row]))
        assert pair.reference_row == train_split.truth[row] and pair.city == "Aa"
        assert pair.covers == tuple(other for other in train_split.covers[row] if other >= 0)
        assert pair.m_per_px == pytest.approx(references["m_per_px"].iloc[row])
    for batch in batches:
        rows = batch["pair.row"].numpy()
        assert np.array_equal(batch["pair.reference_row"].numpy(), train_split.truth[rows])
        assert np.array_equal(batch["pair.covers"].numpy(), train_split.covers[rows])
        fractions = train_split.position_px[rows] / train_split.tile_size_px[rows, ::-1]
        np.testing.assert_allclose(batch["pair.position"].numpy(), fractions, rtol=1e-6)
        scale = references["m_per_px"].to_numpy()[rows]
        np.testing.assert_allclose(batch["pair.m_per_px"].numpy(), scale, rtol=1e-6)
        assert not batch["pair.heading_deg"].any()
